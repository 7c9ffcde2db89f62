"""What is said of a job that took its process along, or had to be stopped."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dbatch.engine.isolate.messages import BROKEN
from dbatch.model import Job, Limits, Receipt, Status
from dbatch.plugins.modules import is_installed_at

_FRAME: Final = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+) in (?P<function>.+)')
_OURS: Final = str(Path(__file__).parents[2])
_NOISE: Final = re.compile(
    rf'^  File "({re.escape(str(Path(__file__).parent))}.*|<string>)", line .*\n|^Extension modules: .*\n', re.M
)
_MEBIBYTE: Final = 1 << 20
_NEAR: Final = 0.9
_NO_MEMORY: Final = ("bad_alloc", "MemoryError")


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, below zero the signal that killed it, and the most bytes that it held."""

    code: int
    peak: int = 0


@dataclass(frozen=True)
class Remains:
    """What is left of a job whose process is gone: what it printed, its stacks, how long it ran, its memory at most."""

    output: str = ""
    stacks: str = ""
    seconds: float = 0.0
    peak: int = 0


def over_time(job: Job, limits: Limits, remains: Remains) -> Receipt:
    error = f"over its time limit of {limits.seconds:g} s{_place(remains.stacks)}"
    return _receipt(job, "timeout", error, remains)


def over_memory(job: Job, limits: Limits, remains: Remains) -> Receipt:
    error = f"over its memory limit: {_of_limit(remains.peak, limits)}{_place(remains.stacks)}"
    return _receipt(job, "oom", error, remains)


def died(job: Job, limits: Limits, ended: Ended, remains: Remains) -> Receipt:
    """Return the receipt of a job at which its process ended by itself, or was killed by others."""
    text = f"its process {how(ended)}"
    last_line = remains.output.strip().rpartition("\n")[2]
    if ended.code == BROKEN and last_line:
        text += f": {last_line}"
    near = ended.code < 0 and limits.memory is not None and remains.peak > _NEAR * limits.memory
    if near or any(word in last_line for word in _NO_MEMORY):
        error = f"{text}; it held {_of_limit(remains.peak, limits)} at most{_place(remains.stacks)}"
        return _receipt(job, "oom", error, remains)
    if ended.code == -signal.SIGKILL:
        text += f", by hand or by a system short of memory; it held {_mib(remains.peak)} at most"
    return crashed(job, f"{text}{_place(remains.stacks)}", remains)


def how(ended: Ended) -> str:
    """Return how a process ended, in words.

    >>> how(Ended(3)), how(Ended(-11))
    ('ended with exit code 3', 'was killed by SIGSEGV')
    """
    return f"ended with exit code {ended.code}" if ended.code >= 0 else f"was killed by {_signal_name(-ended.code)}"


def crashed(job: Job, error: str, remains: Remains) -> Receipt:
    return _receipt(job, "crashed", error, remains)


def with_peak(receipt: Receipt, limits: Limits) -> Receipt:
    """Return the receipt of a job whose handler raised MemoryError, with what it had in its cause."""
    held = _of_limit(int(receipt.peak_rss_mb * _MEBIBYTE), limits)
    return replace(receipt, error=f"{receipt.error}; it held {held} at most")


def _receipt(job: Job, status: Status, error: str, remains: Remains) -> Receipt:
    return Receipt(
        key=job.key,
        security=job.security.name,
        status=status,
        error=error,
        details=_NOISE.sub("", remains.stacks).rstrip("\n"),
        output=remains.output,
        runtime_sec=remains.seconds,
        peak_rss_mb=remains.peak / _MEBIBYTE,
    )


def _place(stacks: str) -> str:
    """Return where the handler was, from what faulthandler wrote: the innermost frame of a file of the user's own.

    It marks the thread that was interrupted; in what its watchdog writes none is marked, and the main one is the last.
    """
    _, marked, current = stacks.partition("Current thread")
    frames = list(_FRAME.finditer((current if marked else stacks.rpartition("Thread 0x")[2]).partition("\n\n")[0]))
    own = [frame for frame in frames if not is_installed_at(frame["file"]) and not frame["file"].startswith(_OURS)]
    frame = next(iter(own or frames), None)
    return "" if frame is None else f", at {frame['file']}:{frame['line']} in {frame['function']}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _of_limit(size: int, limits: Limits) -> str:
    return _mib(size) if limits.memory is None else f"{_mib(size)} of {_mib(limits.memory)}"


def _mib(size: int) -> str:
    return f"{size / _MEBIBYTE:,.0f} MiB"
