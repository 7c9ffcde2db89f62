"""Runs a contract in a child process, so that no strategy can take this process down or keep it for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from dbatch.errors import UsageError
from dbatch.model import StrategyRef
from dbatch.plugins.discovery import PATH_VARIABLE

Status = Literal["ok", "note", "failed", "error", "not run"]
_TO_SHOW_WHERE_SEC: Final = 1.0
_START: Final = "the check starts"
_END: Final = "the check ends"


@dataclass(frozen=True)
class CheckResult:
    """How one test ended: its title in words, and what there is to say in one line.

    `failed` is a broken contract; `error` what the strategy raised, its death, or its time limit; a `note` is
    worth knowing and no failure; `not run` are the tests that had no chance any more.
    """

    test: str
    status: Status
    message: str = ""

    @property
    def is_good(self) -> bool:
        return self.status in ("ok", "note")


def check_contract(
    ref: StrategyRef, parameters: Mapping[str, Any], timeout_sec: float
) -> Generator[CheckResult, None, None]:
    """Yield the result of each test of the contract of strategy `ref`, run with `parameters`, as they end.

    The child has `timeout_sec` seconds for all tests. However it ends, each test has a result. It is killed, with
    what it started, when the caller closes the generator. Raises UsageError for parameters that do not fit.
    """
    child = _start(ref, parameters, timeout_sec)
    limit = _Limit(child, timeout_sec)
    try:
        left = [_START]
        for facts in map(json.loads, child.stdout or ()):
            if "tests" in facts:
                left = facts["tests"]
                limit.begin_again()  # starting Python is not the strategy's time
            elif "test" in facts:
                left.remove(facts["test"])
                yield CheckResult(**facts)
            elif "usage" in facts:
                raise UsageError(facts["usage"])
            else:
                break
        else:
            limit.cancel()
            under_way, *left = left or [_END]
            yield CheckResult(under_way, "error", _death(child, limit))
        yield from (CheckResult(test, "not run") for test in left)
    finally:
        limit.cancel()
        _end(child)


class _Limit:
    """Kills a child when its time is over; `exceeded` says whether it was still running then."""

    def __init__(self, child: subprocess.Popen[str], seconds: float) -> None:
        self.child = child
        self.seconds = seconds
        self.exceeded = False
        self._timer = self._started()

    def begin_again(self) -> None:
        self.cancel()
        self._timer = self._started()

    def cancel(self) -> None:
        self._timer.cancel()

    def _started(self) -> threading.Timer:
        timer = threading.Timer(self.seconds + _TO_SHOW_WHERE_SEC, self._stop)
        timer.daemon = True
        timer.start()
        return timer

    def _stop(self) -> None:
        self.exceeded = self.child.poll() is None  # else only something that it started keeps the pipe open
        _kill(self.child)


def _start(ref: StrategyRef, parameters: Mapping[str, Any], timeout_sec: float) -> subprocess.Popen[str]:
    # -P keeps the current folder off the module path: a json.py there must not run
    command = [sys.executable, "-P", "-m", "dbatch.testing.child"]
    without = (PATH_VARIABLE, "PYTHONOPTIMIZE")  # the path is known by now; -O would leave out every assertion
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={name: value for name, value in os.environ.items() if name not in without},
        start_new_session=True,  # a group of its own: Ctrl-C is heard here alone, and what it starts ends with it
    )
    spec = {
        "ref": asdict(ref),
        "parameters": dict(parameters),
        "timeout_sec": timeout_sec,
        "parent": os.getpid(),
    }
    assert child.stdin is not None
    with suppress(BrokenPipeError), child.stdin:  # its death is told by its exit code
        json.dump(spec, child.stdin)
    return child


def _death(child: subprocess.Popen[str], limit: _Limit) -> str:
    """Return how the child ended that did not come to its end."""
    if os.name != "nt":
        _kill(child)  # what it started; it is ending itself by now, and its exit code stands
    code = child.wait()
    if limit.exceeded:
        return f"still running after {limit.seconds:g} seconds, and killed; the traceback above shows where it was"
    if code < 0:
        return f"died by signal {-code} ({signal.strsignal(-code)})"
    return f"the process ended by itself with exit code {code} (os._exit, or a crash in native code)"


def _kill(child: subprocess.Popen[str]) -> None:
    if not hasattr(os, "killpg"):
        child.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # gone, or (macOS) ended and not yet waited for
        os.killpg(child.pid, signal.SIGKILL)


def _end(child: subprocess.Popen[str]) -> None:
    if child.returncode is None:
        _kill(child)
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
