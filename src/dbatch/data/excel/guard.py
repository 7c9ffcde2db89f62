"""Runs the reader in a child process, so that no workbook can take this process down or eat its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from dbatch.data.report import QualityReport
from dbatch.errors import OutputError, UsageError, WorkbookError
from dbatch.one_thread import ONE_THREAD

MEMORY_VARIABLE: Final = "DBATCH_EXCEL_MEMORY_MB"
_DEFAULT_MEMORY_MB: Final = 4096
_LEAST_MEMORY_MB: Final = 512

_running: set[subprocess.Popen[str]] = set()
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
            child.kill()


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    # -P keeps the current folder off the module path: a json.py there must not run
    command = [sys.executable, "-P", "-m", "dbatch.data.excel.child"]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        env={**os.environ, **ONE_THREAD},
    )
    with _lock:
        _running.add(child)
    try:
        answer, complaint = child.communicate(json.dumps({**job, "parent": os.getpid()}))
    except BaseException:
        child.kill()
        child.wait()
        raise
    finally:
        with _lock:
            _running.discard(child)
    if child.returncode == 0 and answer:
        return dict(json.loads(answer))
    return _death(job, child.returncode, complaint)


def _death(job: Mapping[str, Any], code: int, complaint: str) -> dict[str, Any]:
    """Return the outcome of a child that gave none: an abort is how the readers meet the memory limit."""
    lines = [line for line in complaint.splitlines() if line.strip()]
    last = lines[-1].strip()[:200] if lines else "no message"
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    out_of_memory = code == -6 or "memory" in complaint.lower()
    return {
        "error": f"{job['path']}: reading sheet '{job['label']}' failed ({ended}): {last}",
        "kind": "memory" if out_of_memory else "data",
    }
