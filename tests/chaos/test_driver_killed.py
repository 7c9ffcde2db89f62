"""A driver that is killed at whatever moment costs nothing but time: resumed, the batch is what it would have been."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chaos_scene import Scene

SERIAL = ("--serial", "--isolate", "none", "--units", "3")
THREADS = ("--workers", "2", "--isolate", "none", "--units", "3", "--no-dashboard")
CHILDREN = ("--workers", "2", "--units", "4", "--no-dashboard")
WORKERS = ("--workers", "2", "--isolate", "worker", "--units", "4", "--no-dashboard")


@pytest.mark.parametrize(
    ("step", "time", "how", "at_least"),
    [
        (1, 1, SERIAL, 0),
        (2, 2, SERIAL, 3),
        (3, 2, SERIAL, 3),
        (4, 1, SERIAL, 0),
        (5, 3, SERIAL, 6),
        (6, 2, THREADS, 3),
        (7, 2, SERIAL, 6),
        (8, 2, THREADS, 6),
    ],
)
def test_killed_at_a_step_of_a_publication_the_driver_is_resumed(
    scene: Callable[[int], Scene], step: int, time: int, how: tuple[str, ...], at_least: int
) -> None:
    batch = scene(6)

    driver = batch.start("batch", *how, DBATCH_CRASH_AT=f"{step}:{time}")

    assert (driver.wait(), batch.receipts()) == (-9, at_least)
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []
    assert batch.resumed().computed == 0


@pytest.mark.parametrize(("how", "receipts"), [(CHILDREN, 1), (CHILDREN, 25), (WORKERS, 10)])
def test_killed_in_the_middle_the_driver_takes_all_its_processes_along_and_is_resumed(
    scene: Callable[[int], Scene], how: tuple[str, ...], receipts: int
) -> None:
    batch = scene(30)
    driver = batch.start("batch", *how, nap=0.03)
    batch.wait_for_receipts(receipts, driver)

    driver.kill()

    assert driver.wait() == -9
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []
