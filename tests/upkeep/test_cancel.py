"""A driver stops when it is asked to, or is made to."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbatch.errors import OutputError, UsageError
from dbatch.results.folder import cancel_requested, holder
from dbatch.upkeep.cancel import cancel

_POLITE = "while not cancel_requested(folder): time.sleep(0.05)"
_DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"


@contextmanager
def driver_in(folder: Path, does: str) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock of `folder` in another process that goes on as `does` says."""
    code = (
        "import signal, sys, time; from pathlib import Path\n"
        "from dbatch.results.folder import cancel_requested, locked\n"
        "folder = Path(sys.argv[1])\n"
        f"with locked(folder):\n    print('held', flush=True)\n    {does}\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_driver_that_looks_stops_and_the_request_is_gone(tmp_path: Path) -> None:
    said: list[str] = []
    with driver_in(tmp_path, _POLITE) as driver:
        outcome = cancel(tmp_path, wait=60, say=said.append)
        assert driver.wait(60) == 0

    assert outcome.ended
    assert said == [f"asked process {driver.pid} on {socket.gethostname()} to stop; waiting up to 60 s"]
    assert not cancel_requested(tmp_path)


def test_where_nothing_runs_nothing_is_asked_and_no_file_stays(tmp_path: Path) -> None:
    outcome = cancel(tmp_path, wait=60, say=pytest.fail)

    assert (outcome.driver, outcome.ended) == (None, True)
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_does_not_stop_in_time_is_still_asked(tmp_path: Path) -> None:
    with driver_in(tmp_path, _DEAF):
        outcome = cancel(tmp_path, wait=0.1, say=lambda text: None)

        assert not outcome.ended
        assert cancel_requested(tmp_path)


def test_with_now_a_driver_that_hears_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbatch.upkeep.cancel._TERM_SECONDS", 0.2)
    said: list[str] = []
    with driver_in(tmp_path, _DEAF) as driver:
        outcome = cancel(tmp_path, wait=0.1, now=True, say=said.append)
        assert driver.wait(60) == -9

    assert outcome.ended
    assert [line.split()[0] for line in said[1:]] == ["SIGTERM", "SIGTERM", "SIGKILL"]
    assert not cancel_requested(tmp_path)


def test_a_process_that_does_not_have_the_lock_open_is_never_signalled(tmp_path: Path) -> None:
    with driver_in(tmp_path, _DEAF) as driver, driver_in(tmp_path / "other", _DEAF) as other:
        note = tmp_path / ".dbatch.lock.pid"
        note.write_text(note.read_text().replace(str(driver.pid), str(other.pid)))
        said: list[str] = []

        assert not cancel(tmp_path, wait=0.1, now=True, say=said.append).ended
        assert "is left alone" in said[-1]
        assert other.poll() is None


def test_now_is_refused_for_another_host(tmp_path: Path) -> None:
    with driver_in(tmp_path, _DEAF):
        note = tmp_path / ".dbatch.lock.pid"
        note.write_text(note.read_text().replace(socket.gethostname(), "elsewhere"))

        with pytest.raises(UsageError, match="on elsewhere cannot be ended from here"):
            cancel(tmp_path, wait=0.1, now=True, say=pytest.fail)
        assert not cancel_requested(tmp_path)
        assert holder(tmp_path) is not None


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        cancel(tmp_path / "nothing", wait=1, say=pytest.fail)
