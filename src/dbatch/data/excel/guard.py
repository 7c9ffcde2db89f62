"""Runs the reader in child processes, so that no workbook can take this process down or eat its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from dbatch.data.report import QualityReport
from dbatch.errors import OutputError, UsageError, WorkbookError
from dbatch.one_thread import ONE_THREAD

MEMORY_VARIABLE: Final = "DBATCH_EXCEL_MEMORY_MB"
_DEFAULT_MEMORY_MB: Final = 4096
_LEAST_MEMORY_MB: Final = 512

_running: set[_Child] = set()
_idle: list[_Child] = []
_keepers = 0
_lock = threading.Lock()


def memory_limit_mb() -> int:
    """Return the memory that one child may use; `DBATCH_EXCEL_MEMORY_MB` overrides 4096."""
    text = os.environ.get(MEMORY_VARIABLE, "")
    if not text:
        return _DEFAULT_MEMORY_MB
    if not text.isdigit() or int(text) < _LEAST_MEMORY_MB:
        raise UsageError(f"{MEMORY_VARIABLE} is '{text}', must be a number of megabytes, {_LEAST_MEMORY_MB} or more")
    return int(text)


def run_guarded(job: Mapping[str, Any]) -> QualityReport:
    """Return what the child reports about `job` (see `run_job`).

    A child that runs out of memory is followed by one with the slow reader that holds one row at a time.
    Raises `WorkbookError` where the sheets cannot be read, however the child ended, and `OutputError` where
    the target cannot be written.
    """
    memory_mb = memory_limit_mb()
    outcome = _run({**job, "memory_mb": memory_mb, "low_memory": False})
    if outcome.get("kind") == "memory":
        outcome = _run({**job, "memory_mb": memory_mb, "low_memory": True})
    if "report" in outcome:
        return QualityReport.from_json(outcome["report"])
    if outcome["kind"] == "output":
        raise OutputError(outcome["error"])
    if outcome["kind"] == "memory":
        raise WorkbookError(f"{outcome['error']}; split the workbook or raise {MEMORY_VARIABLE} (now {memory_mb})")
    raise WorkbookError(outcome["error"])


def kill_children() -> None:
    """Kill every child that is running; whoever waits for one gets a `WorkbookError`."""
    with _lock:
        for child in _running:
            child.process.kill()


@contextmanager
def children_kept() -> Iterator[None]:
    """Let a child that gave a report read the next sheet as well: to start one takes 0.3 s of CPU.

    They end with the block. Blocks may be nested, in several threads.
    """
    global _keepers
    with _lock:
        _keepers += 1
    try:
        yield
    finally:
        with _lock:
            _keepers -= 1
            spare = [] if _keepers else [_idle.pop() for _ in range(len(_idle))]
        for child in spare:
            child.end()


class _Child:
    """One child process: a line of JSON with a job in, a line with its outcome out."""

    def __init__(self) -> None:
        # a pipe would be full, and the child wait, when a library complains much
        self._complaint = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end
        self.is_new = True
        self.process = subprocess.Popen(
            # -P keeps the current folder off the module path: a json.py there must not run
            [sys.executable, "-P", "-m", "dbatch.data.excel.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaint,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            env={**os.environ, **ONE_THREAD},
        )

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outcome of `job`; after one without a report the child has ended."""
        self.is_new = False
        answer = ""
        with suppress(BrokenPipeError):  # it died as it started; its code says more
            self._write(json.dumps({**job, "parent": os.getpid()}))
            answer = self._read()
        if answer.endswith("\n"):
            return dict(json.loads(answer))
        code = self.process.wait()
        self._complaint.seek(0)
        return _death(job, code, self._complaint.read().decode("utf-8", "backslashreplace"))

    def end(self) -> None:
        """Have it end, by itself where it waits for a job."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self.process.wait()
        self._complaint.close()

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outcome of `job`; where a used child dies or has too little memory, that of a new one."""
    child = _take()
    was_new = child.is_new
    outcome = _asked(child, job)
    is_certain = was_new or "report" in outcome or (outcome["kind"] != "memory" and not outcome.get("died"))
    return outcome if is_certain else _asked(_start(), job)


def _asked(child: _Child, job: Mapping[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    try:
        outcome = child.ask(job)
    except BaseException:
        child.process.kill()
        raise
    finally:
        _give_back(child, is_well="report" in outcome)
    return outcome


def _take() -> _Child:
    with _lock:
        if _idle:
            child = _idle.pop()
            _running.add(child)
            return child
    return _start()


def _start() -> _Child:
    child = _Child()
    with _lock:
        _running.add(child)
    return child


def _give_back(child: _Child, *, is_well: bool) -> None:
    with _lock:
        _running.discard(child)
        is_kept = is_well and _keepers > 0
        if is_kept:
            _idle.append(child)
    if not is_kept:
        child.end()


def _death(job: Mapping[str, Any], code: int, complaint: str) -> dict[str, Any]:
    """Return the outcome of a child that gave none: an abort is how the readers meet the memory limit."""
    lines = [line for line in complaint.splitlines() if line.strip()]
    last = lines[-1].strip()[:200] if lines else "no message"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    out_of_memory = code == -6 or "memory" in complaint.lower()
    return {
        "error": f"{job['path']}: reading sheet '{job['label']}' failed ({ended}): {last}",
        "kind": "memory" if out_of_memory else "data",
        "died": True,
    }
