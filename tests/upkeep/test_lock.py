"""One driver writes in a folder, whoever asks is told which, and what a killed one left is cleared away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbatch.errors import LockedError
from dbatch.results.folder import (
    cancel_requested,
    clear_cancel,
    holder,
    locked,
    request_cancel,
    sweep_temporaries,
)

_DRIVER = (
    "import sys, time; from pathlib import Path; from dbatch.results.folder import locked\n"
    "with locked(Path(sys.argv[1])):\n"
    "    print('held', flush=True); time.sleep(300)\n"
)


@contextmanager
def driver_in(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock of `folder` in another process."""
    process = subprocess.Popen([sys.executable, "-c", _DRIVER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_driver_is_refused_with_process_and_host_of_the_first(tmp_path: Path) -> None:
    with driver_in(tmp_path) as first:
        with pytest.raises(LockedError) as refused, locked(tmp_path):
            pass
        told = f"another dbatch (process {first.pid} on {socket.gethostname()}) is writing there; wait for it, or"
        assert told in str(refused.value)
        assert f"'dbatch cancel {tmp_path}'" in str(refused.value)

        found = holder(tmp_path)
        assert found is not None
        assert (found.pid, found.alive) == (first.pid, True)


def test_the_lock_of_a_killed_driver_is_stale_and_taken_over_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with driver_in(tmp_path) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
        stale = holder(tmp_path)
        assert stale is not None
        assert (stale.pid, stale.alive) == (first.pid, False)

        with locked(tmp_path):
            now = holder(tmp_path)
            assert now is not None
            assert (now.pid, now.alive) == (os.getpid(), True)
    assert holder(tmp_path) is None
    assert capfd.readouterr() == ("", "")


def test_nobody_knows_whether_the_driver_of_another_host_is_alive_where_its_lock_is_not_seen(tmp_path: Path) -> None:
    facts = {"pid": 7, "host": "elsewhere", "started_at": "2026-03-02T10:00:00+00:00"}
    (tmp_path / ".dbatch.lock.pid").write_text(json.dumps(facts))

    found = holder(tmp_path)
    assert found is not None
    assert (found.host, found.alive) == ("elsewhere", None)


@pytest.mark.parametrize("text", ["", "1234", "{", "[1]"])
def test_a_damaged_name_of_the_holder_does_not_hide_that_the_folder_is_held(tmp_path: Path, text: str) -> None:
    with locked(tmp_path):
        (tmp_path / ".dbatch.lock.pid").write_text(text)

        found = holder(tmp_path)
        assert found is not None
        assert found.alive
        assert "process unknown" in str(found)


def test_who_only_asks_writes_nothing(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_request_to_stop_is_seen_until_the_lock_is_taken_again(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert not cancel_requested(tmp_path)
        request_cancel(tmp_path)
        assert cancel_requested(tmp_path)
    with locked(tmp_path):
        assert not cancel_requested(tmp_path)
    clear_cancel(tmp_path)  # harmless where there is none


def test_unfinished_files_are_swept_and_nothing_else(tmp_path: Path) -> None:
    parts, outside = tmp_path / "parts" / "ab", tmp_path.parent / f"{tmp_path.name}-outside"
    for folder in (parts, outside, tmp_path / "notes"):
        folder.mkdir(parents=True)
    gone = [tmp_path / ".a1b2c3_4.tmp", parts / ".zzzzzzzz.tmp"]
    stays = [
        parts / "abcd.parquet",
        tmp_path / ".a.tmp",
        tmp_path / "notes" / ".a1b2c3_4.tmp",
        outside / ".a1b2c3_4.tmp",
    ]
    for path in (*gone, *stays):
        path.write_text("")
    (tmp_path / "parts" / "linked").symlink_to(outside)
    (tmp_path / "runs").symlink_to(outside)
    (parts / ".aaaaaaaa.tmp").symlink_to(outside / ".a1b2c3_4.tmp")

    assert sweep_temporaries(tmp_path) == 2
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in stays)


def test_taking_the_lock_sweeps(tmp_path: Path) -> None:
    (tmp_path / ".a1b2c3_4.tmp").write_text("")

    with locked(tmp_path):
        assert not (tmp_path / ".a1b2c3_4.tmp").exists()
