"""Workers that are killed are started again and their jobs done again; with its cluster gone a batch goes on later."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from chaos_processes import Cluster, wait_until
from chaos_scene import Scene


def test_workers_of_our_own_that_are_killed_one_or_all_cost_nothing(scene: Callable[[int], Scene]) -> None:
    batch = scene(30)
    how = ("--workers", "2", "--isolate", "worker", "--units", "3", "--no-dashboard")
    driver = batch.start("batch", *how, nap=0.05)

    batch.wait_for_receipts(1, driver)
    first, _ = batch.processes.workers()
    first.kill()
    batch.wait_for_receipts(20, driver)
    wait_until(lambda: len(batch.processes.workers()) == 2)
    for worker in batch.processes.workers():
        worker.kill()

    assert driver.wait() == 0, batch.processes.said()
    batch.processes.wait_until_gone()
    assert batch.faults() == []


def test_workers_that_are_killed_before_they_work_end_the_batch_in_good_order(scene: Callable[[int], Scene]) -> None:
    batch = scene(4)
    driver = batch.start("batch", "--workers", "2", "--isolate", "worker", "--no-dashboard")

    wait_until(lambda: bool(batch.processes.workers()))
    for worker in batch.processes.workers():
        worker.kill()

    assert driver.wait() == 4, batch.processes.said()
    assert "error: the workers could not be started" in batch.processes.said()
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []


@pytest.mark.slow
def test_workers_and_then_the_scheduler_of_an_existing_cluster_are_killed(scene: Callable[[int], Scene]) -> None:
    batch = scene(40)
    cluster = Cluster(batch.processes, workers=1)
    driver = batch.start("batch", "--scheduler", cluster.address, "--units", "2", nap=0.05)

    batch.wait_for_receipts(4, driver)
    for worker in batch.processes.workers():
        worker.kill()
    batch.wait_for_receipts(batch.receipts() + 10, driver)
    cluster.scheduler.kill()
    began = time.monotonic()

    assert driver.wait() == 4, batch.processes.said()
    assert time.monotonic() - began < 30
    assert "error: the Dask cluster is gone" in batch.processes.said()
    assert "go on with: dbatch resume" in batch.processes.said()
    batch.processes.kill_all()
    assert 0 < batch.receipts() < 80
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []
