"""Runs jobs in a child process, and files what becomes of it under the job that it was at."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final

import psutil

from dbatch.engine.isolate.child import BEGUN, BROKEN, run_jobs
from dbatch.engine.unit import Outcome
from dbatch.model import Job, Receipt, RunContext, Status

_PRELOADED: Final = "dbatch.engine.isolate.preload"
_FRAME: Final = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)')
_LOOK_EVERY: Final = 0.1
_MEBIBYTE: Final = 1 << 20


def prepare() -> None:
    """Start the server that children are forked from; it ends with the thread that calls this, or its process."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload([_PRELOADED])
        forkserver.ensure_running()


def run_isolated(
    context: RunContext, jobs: Sequence[Job], *, stop: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Yield the outcomes of `jobs`, run one after the other in a child process, each within the context's limits.

    A job that takes the child along, or has to be stopped, gets a receipt that says so, and the others go on in a
    fresh one. Raises StorageError when results cannot be kept, InterruptedError when `stop` said so.
    """
    left = list(jobs)
    while left:
        with _Child(context, left) as child:
            for outcome in child.outcomes(stop):
                left = [job for job in left if job.key != outcome.receipt.key]
                yield outcome


@dataclass
class _Running:
    """The job that the child is at, since when, and the most memory it was seen with."""

    job: Job
    since: float
    peak: int = 0


class _Child:
    """One child process and what is heard of it."""

    def __init__(self, context: RunContext, jobs: Sequence[Job]) -> None:
        self._limits = context.limits
        self._jobs = {job.key: job for job in jobs}
        handle, self._stacks = tempfile.mkstemp(prefix="dbatch-stacks-")
        os.close(handle)
        processes = _context()
        self._pipe, theirs = processes.Pipe(duplex=False)
        # daemonic children are killed when this process ends in good order
        self._process = processes.Process(
            target=run_jobs, args=(theirs, self._stacks, context, tuple(jobs)), daemon=True
        )
        self._process.start()
        theirs.close()
        self._running = _Running(jobs[0], time.monotonic())

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        self._pipe.close()
        Path(self._stacks).unlink(missing_ok=True)

    def outcomes(self, stop: Callable[[], bool]) -> Iterator[Outcome]:
        """Yield outcomes until all jobs have one, or the child is gone, in which case the last one says why."""
        finished = 0
        while finished < len(self._jobs):
            if stop():
                raise InterruptedError("stopped from outside")
            if not self._pipe.poll(_LOOK_EVERY):
                verdict = self._broken_limit() or (None if self._pipe.poll(0) else self._death())
                if verdict is not None:
                    yield Outcome(verdict)
                    return
                continue
            try:
                said, what = self._pipe.recv()
            except (EOFError, OSError):
                death = self._death(5.0)
                yield Outcome(death or self._receipt("crashed", "its process closed its pipe and lived on"))
                return
            if said == BROKEN:
                raise what
            if said == BEGUN:
                self._running = _Running(self._jobs[what], time.monotonic())
            else:
                finished += 1
                yield what

    def _broken_limit(self) -> Receipt | None:
        memory = self._memory()
        self._running.peak = max(self._running.peak, memory)
        if self._limits.memory is not None and memory > self._limits.memory:
            text = f"over its memory limit: {_mib(memory)} of {_mib(self._limits.memory)}"
            return self._receipt("oom", text)
        seconds = time.monotonic() - self._running.since
        if self._limits.seconds is not None and seconds > self._limits.seconds:
            stacks = self._look_at_stacks()
            return self._receipt(
                "timeout", f"over its time limit of {self._limits.seconds:g} s{_place(stacks)}", stacks
            )
        return None

    def _death(self, patience: float = 0.0) -> Receipt | None:
        """Return the receipt of the job that the child died at, None while it lives."""
        if not wait([self._process.sentinel], patience):
            return None
        self._process.join(1.0)
        code = self._process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name if -code in signal.Signals.__members__.values() else f"signal {-code}"
            return self._receipt("crashed", f"its process was killed by {name}")
        return self._receipt("crashed", f"its process ended with exit code {code}")

    def _receipt(self, status: Status, error: str, details: str = "") -> Receipt:
        running = self._running
        return Receipt(
            key=running.job.key,
            security=running.job.security.name,
            status=status,
            error=error,
            details=details,
            runtime_sec=time.monotonic() - running.since,
            peak_rss_mb=running.peak / _MEBIBYTE,
        )

    def _memory(self) -> int:
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:  # it has ended
            return 0

    def _look_at_stacks(self) -> str:
        with suppress(OSError, AttributeError):  # gone, or Windows
            os.kill(self._process.pid or 0, signal.SIGUSR1)
            time.sleep(0.2)
        return Path(self._stacks).read_text(errors="replace")

    def _kill(self) -> None:
        """Kill the child, its process group, and whatever it started elsewhere."""
        family: list[psutil.Process] = []
        with suppress(psutil.Error):
            family = psutil.Process(self._process.pid).children(recursive=True)
        if self._process.is_alive():
            self._process.kill()
        if hasattr(os, "killpg") and self._process.pid is not None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for process in family:
            with suppress(psutil.Error):
                process.kill()
        self._process.join(5.0)


def _context() -> Any:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return multiprocessing.get_context(method)


def _place(stacks: str) -> str:
    """Return where the handler was, from what faulthandler wrote: the innermost frame of the current thread."""
    frame = _FRAME.search(stacks.partition("Current thread")[2])
    return f", at {frame['file']}:{frame['line']} in {frame['function']}" if frame else ""


def _mib(size: int) -> str:
    return f"{size / _MEBIBYTE:,.0f} MiB"
