"""Signals to a batch: the first ends it in good order and in time, the second at once, and both say how to go on."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from chaos_processes import wait_until
from chaos_scene import Scene

from dbatch.results.ledger import reading_ledger

CHILDREN = ("--workers", "2", "--units", "6", "--no-dashboard")
SERIAL = ("--serial", "--isolate", "none", "--units", "6")
GO_ON = "what is finished is kept; go on with: dbatch resume out/b\n"


def state(batch: Scene) -> str:
    with reading_ledger(batch.out) as ledger:
        return str(ledger.facts()["state"])


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [
        pytest.param(signal.SIGINT, 130, SERIAL, marks=pytest.mark.slow),
        (signal.SIGTERM, 143, CHILDREN),
    ],
)
def test_the_first_signal_ends_units_with_the_job_they_are_at_and_keeps_what_they_did(
    scene: Callable[[int], Scene], number: int, code: int, how: tuple[str, ...]
) -> None:
    batch = scene(20)
    driver = batch.start("batch", *how, nap=0.25)
    batch.wait_for_receipts(6, driver)
    time.sleep(0.5)  # the next units are under way by then, for a second more at least

    driver.send_signal(number)

    assert driver.wait(timeout=15) == code
    assert batch.processes.said().endswith(GO_ON)
    assert batch.receipts() % 6 != 0  # a part of a unit was published
    assert state(batch) == "interrupted"
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []


@pytest.mark.parametrize("how", [SERIAL, CHILDREN])
def test_what_does_not_end_within_the_grace_is_left(scene: Callable[[int], Scene], how: tuple[str, ...]) -> None:
    batch = scene(4)
    driver = batch.start("batch", *how, "--grace", "500ms", nap=600)
    wait_until((batch.folder / "began").exists)

    driver.send_signal(signal.SIGINT)

    assert driver.wait(timeout=15) == 130
    assert batch.processes.said().endswith(GO_ON)
    assert (batch.receipts(), state(batch)) == (0, "interrupted")
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []


def test_the_second_signal_ends_all_processes_at_once(scene: Callable[[int], Scene]) -> None:
    batch = scene(4)
    driver = batch.start("batch", *CHILDREN, "--grace", "600s", nap=600)
    wait_until((batch.folder / "began").exists)

    driver.send_signal(signal.SIGINT)
    wait_until(lambda: "once more stops at once" in batch.processes.said())
    driver.send_signal(signal.SIGINT)

    assert driver.wait(timeout=5) == 130
    assert batch.processes.said().endswith(f"stopped; {GO_ON}")
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []


def test_a_batch_is_cancelled_from_elsewhere_and_has_one_driver_at_a_time(
    scene: Callable[[int], Scene], dbatch: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    batch = scene(20)
    driver = batch.start("batch", *CHILDREN, nap=0.25)
    batch.wait_for_receipts(1, driver)

    second = dbatch("resume", batch.out, "--serial")
    assert second.returncode == 5
    assert f"another dbatch (process {driver.pid} on " in second.stderr

    assert (dbatch("cancel", batch.out).returncode, driver.wait(timeout=15)) == (0, 4)
    assert "error: cancelled by 'dbatch cancel'" in batch.processes.said()
    assert state(batch) == "stopped"
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0  # of the lock nothing was left
    assert batch.faults() == []
