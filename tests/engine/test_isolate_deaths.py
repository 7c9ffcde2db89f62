"""Whoever is killed, nothing that was started stays, and no file; what can go on goes on."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbatch.engine.isolate import forking
from dbatch.engine.isolate.parent import prepare, run_isolated
from dbatch.model import Limits

Processes = Callable[[], list[psutil.Process]]

DRIVER = """
import pickle, sys
from dbatch.engine.execute import Execution, execute
from dbatch.engine.units import FixedUnits
from dbatch.model import Unit

context, jobs = pickle.load(sys.stdin.buffer)
execution = Execution(serial=sys.argv[1] == "serial", workers=1, dashboard=False)
units = FixedUnits([Unit(context.run_id, tuple(jobs))])
list(execute(execution, [context], units, at_most=1, on_start=lambda *_: None))
"""


class Bomb:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


def wait_until(condition: Callable[[], object], patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("how", "deed", "others"),
    [("serial", "ignore SIGTERM", 0), ("dask", "ignore SIGTERM", 0), ("serial", "sleep", 2)],
    ids=["serial", "dask", "with warden and server"],
)
def test_of_a_driver_that_is_killed_no_process_and_no_file_stays(
    unruly: Any, sleepers: Any, tmp_path: Path, how: str, deed: str, others: int
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, how], stdin=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert driver.stdin is not None
    jobs = unruly.jobs([deed], seconds=sleepers.seconds)
    with driver.stdin:
        pickle.dump((unruly.context(Limits(60.0)), jobs), driver.stdin)
    below = psutil.Process(driver.pid)
    wait_until(lambda: len(sleepers()) == 2 if others == 0 else len(below.children(recursive=True)) == 3)
    family = below.children(recursive=True)

    for process in [below, *family[:others]]:
        process.kill()
    driver.wait()

    assert not psutil.wait_procs([*family, *sleepers()], timeout=20)[1]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if path.parent.name != "dask-scratch-space"]  # Dask's next start purges its own


@pytest.mark.parametrize("number", [1, 2], ids=["server", "child"])
def test_a_killed_job_is_named_and_nothing_of_it_stays(
    unruly: Any, sleepers: Any, fork_servers: Processes, number: int
) -> None:
    def kill() -> None:
        for _ in range(2):  # the fork server's death is no fault of the job, which gets a second try
            wait_until(lambda: len(sleepers()) == 2)
            family = [*fork_servers()[1:], *sleepers()]
            family[number - 1].kill()
            assert not psutil.wait_procs(family[number - 1 :], timeout=10)[1]
            if number == 2:
                return

    killer = threading.Thread(target=kill)
    killer.start()
    context = unruly.context(Limits(60.0))
    outcomes = run_isolated(
        context, [*unruly.jobs(["ignore SIGTERM"], seconds=sleepers.seconds), *unruly.jobs(["nothing"])]
    )
    killed, after = (outcome.receipt for outcome in outcomes)
    killer.join()

    assert killed.status == "crashed"
    assert "killed" in killed.error
    assert after.status == "success"
    assert not sleepers()


def test_a_job_goes_on_while_the_warden_is_killed_and_the_next_one_has_another(
    unruly: Any, fork_servers: Processes
) -> None:
    receipts = unruly.outcomes("nothing", "sleep a little")
    next(receipts)
    warden, server, child = fork_servers()

    warden.kill()

    assert next(receipts).status == "success"
    assert child.is_running()
    receipts.close()
    assert [receipt.status for receipt in unruly.does("nothing")] == ["success"]
    assert not psutil.wait_procs([server, child], timeout=10)[1]


def test_a_fork_server_that_was_killed_is_started_again(unruly: Any, fork_servers: Processes) -> None:
    unruly.does("nothing")
    for process in fork_servers():
        process.kill()

    assert [receipt.status for receipt in unruly.does("nothing", "nothing")] == ["success", "success"]


def test_without_a_fork_server_each_job_is_named_and_there_is_an_end(
    unruly: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(forking, "_running", None)
    monkeypatch.setattr(forking, "_CODE", "import sys; sys.exit({line} * 0 + 1)")
    monkeypatch.setattr(forking.ForkServer, "__init__", counted(forking.ForkServer.__init__, started))

    receipts = unruly.does("nothing", "nothing")

    assert [receipt.status for receipt in receipts] == ["crashed", "crashed"]
    said = "its process could not be started by the fork server, which ended or was killed"
    assert {receipt.error for receipt in receipts} == {said}
    assert len(started) == 4  # two tries a job


def counted(function: Callable[..., None], calls: list[None]) -> Callable[..., None]:
    def count(*arguments: Any) -> None:
        calls.append(None)
        function(*arguments)

    return count


def test_a_child_that_dies_before_its_first_job_is_tried_twice(unruly: Any, fork_servers: Processes) -> None:
    deadly = replace(unruly.context(), sections={"F": Bomb()})

    (outcome,) = run_isolated(deadly, unruly.jobs(["nothing"]))

    assert outcome.receipt.status == "crashed"
    assert outcome.receipt.error == "its process could not be started: it ended with exit code 9"


def test_a_job_that_kills_the_fork_server_twice_does_so_for_itself_alone(unruly: Any) -> None:
    with ThreadPoolExecutor(3) as threads:
        deeds = ["sleep some seconds", "kill the fork server", "sleep some seconds"]
        (one,), (guilty,), (other,) = threads.map(unruly.does, deeds)

    assert guilty.error == "its process ended with the fork server, which ended or was killed"
    assert (one.status, guilty.status, other.status) == ("success", "crashed", "success")


def test_children_of_several_threads_know_their_own_jobs(unruly: Any) -> None:
    with ThreadPoolExecutor(8) as threads:
        units = list(threads.map(lambda deed: unruly.does(deed, "nothing", deed), ["nothing", "os._exit(7)"] * 8))

    found = [[receipt.status for receipt in receipts] for receipts in units]
    assert found == [["success"] * 3, ["crashed", "success", "crashed"]] * 8


def test_preparing_takes_no_time_and_is_no_fault(unruly: Any, fork_servers: Processes) -> None:
    prepare()

    assert len(fork_servers()) == 2
