"""Workers that are killed are started again and their jobs done again; with its cluster gone a batch goes on later."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import psutil
import pytest


def workers(processes: Any) -> list[psutil.Process]:
    """Return the worker processes that nannies have started."""
    return [process for process in processes.alive() if "spawn_main" in " ".join(process.info["cmdline"])]


def test_workers_of_our_own_that_are_killed_one_or_all_cost_nothing(
    scene: Callable[[int], Any], chaos: ModuleType
) -> None:
    batch = scene(30)
    how = ("--workers", "2", "--isolate", "worker", "--units", "3", "--no-dashboard")
    driver = batch.start("batch", *how, nap=0.05)

    batch.wait_for_receipts(1, driver)
    first, _ = workers(batch.processes)
    first.kill()
    batch.wait_for_receipts(20, driver)
    chaos.wait_until(lambda: len(workers(batch.processes)) == 2)
    for worker in workers(batch.processes):
        worker.kill()

    assert driver.wait() == 0, batch.processes.said()
    batch.processes.wait_until_gone()
    assert batch.faults() == []


@pytest.fixture
def cluster(processes: Any, chaos: ModuleType) -> tuple[Any, str]:
    """A scheduler with two workers of a thread each: its process, and its address."""
    (processes.folder / "cluster").mkdir()
    temp = {"TMPDIR": str(processes.folder / "cluster")}  # its temporary files are not ours
    place = processes.folder / "cluster" / "scheduler.json"
    here = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(place))
    scheduler = processes.python("-m", "distributed.cli.dask_scheduler", "--port", "0", *here, **temp)
    for _ in range(2):
        processes.python("-m", "distributed.cli.dask_worker", "--nthreads", "1", *here, **temp)
    chaos.wait_until(place.exists)
    return scheduler, json.loads(place.read_text())["address"]


def test_workers_and_then_the_scheduler_of_an_existing_cluster_are_killed(
    scene: Callable[[int], Any], chaos: ModuleType, cluster: tuple[Any, str]
) -> None:
    batch = scene(40)
    scheduler, address = cluster
    driver = batch.start("batch", "--scheduler", address, "--units", "2", nap=0.05)

    batch.wait_for_receipts(4, driver)
    for worker in workers(batch.processes):
        worker.kill()
    batch.wait_for_receipts(batch.receipts() + 10, driver)
    scheduler.kill()
    began = time.monotonic()

    assert driver.wait() == 4, batch.processes.said()
    assert time.monotonic() - began < 30
    assert "error: the Dask cluster is gone" in batch.processes.said()
    assert "go on with: dbatch resume" in batch.processes.said()
    batch.processes.kill_all()
    assert 0 < batch.receipts() < 80
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []
