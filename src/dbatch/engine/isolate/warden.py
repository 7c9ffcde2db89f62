"""Keeps what is started below a process from outliving it, the fork server itself included."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

_PR_SET_CHILD_SUBREAPER: Final = 36
_PATIENCE_SEC: Final = 2.0


def main(line: int) -> NoReturn:
    """Start the fork server for the socket with descriptor `line`, wait for its end, and leave nothing of it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # how long it lives is the line's to say
    adopt_orphans()
    server = os.fork()
    if server == 0:
        from dbatch.engine.isolate.server import serve

        adopt_orphans()
        serve(line)
    os.close(line)
    while os.wait()[0] != server:
        pass
    kill_orphans()
    os._exit(0)


def adopt_orphans() -> None:
    """Have what is started below this process, and has lost its parent, become its child; Linux alone knows how."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def kill_orphans(except_for: AbstractSet[int] = frozenset()) -> None:
    """Kill the children of this process, and theirs as they come to it, but for those whose pids are given."""
    deadline = time.monotonic() + _PATIENCE_SEC
    while (orphans := _children() - except_for) and time.monotonic() < deadline:
        for pid in orphans:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with suppress(OSError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)


def _children() -> set[int]:
    pid = os.getpid()
    try:
        return {int(child) for child in Path(f"/proc/self/task/{pid}/children").read_text().split()}
    except OSError:  # not Linux, or one that does not tell
        import psutil

        return {child.pid for child in psutil.Process(pid).children()}
