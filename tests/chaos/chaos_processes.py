"""Processes that are started to come to grief, and are known again with all that they started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_MARK = "DBATCH_TEST_MARK"


class Marked:
    """Processes started in `folder`, known by a mark in their environment; `temp` is where their temporary files go.

    Their descendants have the mark too, whatever became of their parents.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.temp, self._mark = folder, folder / "tmp", uuid.uuid4().hex
        self.temp.mkdir()
        self._said = folder / "said.txt"
        self._started: list[subprocess.Popen[bytes]] = []

    def said(self) -> str:
        """Return what all of them wrote to their standard error."""
        return self._said.read_text()

    def dbatch(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the command line."""
        return self.python("-m", "dbatch", *arguments, **environment)

    def python(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start Python with these arguments, in a session of its own."""
        ours = {_MARK: self._mark, "TMPDIR": str(self.temp), **environment}
        with open(self._said, "a") as said:
            started = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env={**os.environ, **ours},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        self._started.append(started)
        return started

    def alive(self) -> list[psutil.Process]:
        """Return those that have not ended."""
        return [process for pid in filter(str.isdigit, os.listdir("/proc")) for process in self._ours(pid)]

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes among them, those that Dask's nannies have started."""
        return [process for process in self.alive() if "spawn_main" in _words(process)]

    def wait_until_gone(self) -> None:
        """Wait until all have ended, not for ever."""
        wait_until(lambda: not self.alive(), 15.0, "all processes have ended")

    def kill_all(self) -> None:
        for process in self.alive():
            with suppress(psutil.Error):
                process.kill()
        for started in self._started:
            started.wait()

    def left_behind(self) -> Iterator[str]:
        for path in self.temp.iterdir():
            yield f"{path} was left behind"
        for process in self.alive():
            yield f"process {process.pid} was left behind: {_words(process)}"

    def _ours(self, pid: str) -> Iterator[psutil.Process]:
        with suppress(OSError, psutil.Error):
            if f"{_MARK}={self._mark}".encode() in Path("/proc", pid, "environ").read_bytes():
                process = psutil.Process(int(pid))
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def _words(process: psutil.Process) -> str:
    """Return what the process was started with, nothing once it has ended."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


class Cluster:
    """A scheduler at `address`, and `workers` of a thread each; their temporary files are no concern of ours."""

    def __init__(self, processes: Marked, workers: int = 2) -> None:
        self._processes, self._folder = processes, processes.folder / "cluster"
        self._folder.mkdir()
        place = self._folder / "scheduler.json"
        self._here = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(place))
        self.scheduler = self._start("distributed.cli.dask_scheduler", "--port", "0")
        for _ in range(workers):
            self.add_worker()
        wait_until(place.exists, what="the scheduler listens")
        self.address = str(json.loads(place.read_text())["address"])

    def add_worker(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more worker, and wait for nothing."""
        return self._start("distributed.cli.dask_worker", "--nthreads", "1", *arguments, **environment)

    def _start(self, module: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        ours = {"TMPDIR": str(self._folder), **environment}
        return self._processes.python("-m", module, *arguments, *self._here, **ours)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0, what: str = "it came about") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
