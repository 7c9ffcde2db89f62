"""A driver that is killed at whatever moment costs nothing but time: resumed, the batch is what it would have been.

`tools/chaos.py` has many more moments.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaos_scene import Scene

THREADS = ("--workers", "2", "--isolate", "none", "--units", "3", "--no-dashboard")
CHILDREN = ("--workers", "2", "--units", "4", "--no-dashboard")
WORKERS = ("--workers", "2", "--isolate", "worker", "--units", "4", "--no-dashboard")
RECEIPTS = {"1:1": 0, "2:2": 3, "3:2": 3, "4:1": 0, "5:3": 6, "7:2": 6, "3:6": 12}
"""Jobs of twelve, in units of three, that have receipts when a step is taken the so-many-th time.

The steps of tasks, 6 and 8, there are not in a serial batch. The sixth file with a final name is one for people.
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of serial batches whose drivers were killed, by the moment at which they were."""
    if sys.platform != "linux":
        pytest.skip("processes are known by what /proc says of them")
    script = Path(__file__).with_name("killed_drivers.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("killed"), *RECEIPTS], check=True, capture_output=True
    )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("moment", RECEIPTS)
def test_killed_at_a_step_of_a_publication_the_driver_is_resumed(
    killed: dict[str, dict[str, Any]], moment: str
) -> None:
    as_it_must = {"signal": 9, "receipts": RECEIPTS[moment], "resumed": 0, "faults": [], "to_do": 0}

    assert killed[moment] == as_it_must


@pytest.mark.parametrize(("step", "at_least"), [(6, 3), (8, 6)])
def test_killed_at_a_step_of_a_task_the_driver_is_resumed(
    scene: Callable[[int], Scene], step: int, at_least: int
) -> None:
    batch = scene(6)

    driver = batch.start("batch", *THREADS, DBATCH_CRASH_AT=f"{step}:2")

    assert (driver.wait(), batch.receipts()) == (-9, at_least)
    batch.processes.wait_until_gone()
    assert batch.resumed().exit_code == 0
    assert batch.faults() == []


@pytest.mark.parametrize(("how", "receipts"), [(CHILDREN, 25), pytest.param(WORKERS, 10, marks=pytest.mark.slow)])
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
