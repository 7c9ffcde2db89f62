"""A disk that is full in the middle: the batch stops and says where, nothing torn has a name, and it goes on later."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from chaos_scene import IN_PLACE, Scene

from dbatch.errors import OutputError, StorageError
from dbatch.results import ledger, publish, run_folders

UNSHARE = ("unshare", "--map-root-user", "--mount")


def test_on_a_small_disk_a_batch_stops_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system in a name space of its own")
    script = Path(__file__).with_name("full_disk.py")

    done = subprocess.run([*UNSHARE, sys.executable, script, tmp_path, "300k"], capture_output=True, text=True)

    found = json.loads(done.stdout)
    assert (found["code"], found["torn"]) == (4, []), done.stderr
    said = f"error: results could not be kept: {tmp_path}/out/b/.* (disk is full|bytes were to be written)"
    assert re.search(said, found["said"])
    assert "go on with: dbatch resume" in found["said"]
    assert 0 < found["receipts"] < 40
    assert (found["resumed"], found["faults"]) == (0, [])
    assert found["computed"] <= 40 - found["receipts"]


class HalfWritten:
    """A file of which only the half is written, for then the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> HalfWritten:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        self._file.write(content[: len(content) // 2])
        raise full()


def full(*_: object) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class SmallDisk:
    """Has the call of number `fails` of all that write fail; `calls` counts them."""

    def __init__(self, patch: pytest.MonkeyPatch, fails: int) -> None:
        self.calls, self._numbers, self._fails = 0, count(1), fails
        patch.setattr(os, "fsync", self._or_full(os.fsync))
        patch.setattr(os, "replace", self._or_full(os.replace))
        patch.setattr(os, "mkdir", self._or_full(os.mkdir, unless=os.path.exists))
        patch.setattr(publish.tempfile, "mkstemp", self._or_full(publish.tempfile.mkstemp))
        patch.setattr(run_folders, "_write", self._or_full(run_folders._write))
        patch.setattr(os, "fdopen", self._half_written(os.fdopen))
        patch.setattr(ledger.Ledger, "_transaction", self._rolled_back(ledger.Ledger._transaction))

    def _is_full(self) -> bool:
        self.calls = next(self._numbers)
        return self.calls == self._fails

    def _or_full(self, call: Callable[..., Any], unless: Callable[[Any], bool] = lambda _: False) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if not unless(arguments and arguments[0]) and self._is_full():
                raise full()
            return call(*arguments, **options)

        return wrapped

    def _half_written(self, fdopen: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: HalfWritten(fdopen(*arguments)) if self._is_full() else fdopen(*arguments)

    def _rolled_back(self, transaction: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def wrapped(book: Any) -> Iterator[None]:
            with transaction(book):
                yield
                if self._is_full():
                    raise sqlite3.OperationalError("database or disk is full")

        return wrapped


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_whichever_call_finds_the_disk_full_the_batch_stops_and_goes_on(
    scene: Callable[[int], Scene], every: int
) -> None:
    batch = scene(1)
    options = replace(IN_PLACE, unit_jobs=1)
    with pytest.MonkeyPatch.context() as patch:
        calls = SmallDisk(patch, fails=0)
        batch.carried_out(options=options)

    assert calls.calls > 40
    for fails in range(1, calls.calls + 1, every):
        shutil.rmtree(batch.out)
        with pytest.MonkeyPatch.context() as patch:
            SmallDisk(patch, fails)
            try:
                outcome = batch.carried_out(options=options)
            except (StorageError, OutputError) as error:  # before it began
                said = str(error)
            else:
                said = str(outcome.fault)
                assert outcome.exit_code == 4, fails
        assert str(batch.out) in said, fails
        assert re.search(r" bytes were to be written|ledger\.sqlite: |\.lock\.pid: |/runs\W|choose another", said)
        assert list(batch.torn_files()) == [], fails
        batch.went_on()
        assert (fails, batch.faults()) == (fails, [])
