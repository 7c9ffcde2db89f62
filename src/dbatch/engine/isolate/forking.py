"""The fork server as the process sees it that asks it for children: started when needed, and again when it is gone."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from dbatch.engine.isolate.preload import Needs, server_environment
from dbatch.errors import UsageError

_CODE: Final = "from dbatch.engine.isolate.warden import main; main({line})"
_TO_END_SEC: Final = 5.0

_lock = threading.Lock()
_running: ForkServer | None = None


class ForkServer:
    """A server process below its warden; both end when this is closed or this process ends, however that happens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_forked = False
        self._line, theirs = socket.socketpair()
        # -P: a json.py in the current folder must not run; -u: what is printed lies in no buffer when a child dies
        command = [sys.executable, "-P", "-u", *_flags(), "-c", _CODE.format(line=theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=server_environment(),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # whatever signals come to our group, it ends when it has cleaned up
            )

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def ask(self, needs: Needs, handles: Sequence[int] = ()) -> None:
        """Have it import what jobs with these `needs` need and, given descriptors, fork a child that gets them.

        When it is gone, what is at the other ends of these descriptors finds nobody there.
        """
        with self._lock, suppress(ConnectionError):
            self._has_forked |= bool(handles)
            socket.send_fds(self._line, [bytes([needs])], handles)

    def close(self) -> None:
        self._line.close()
        try:
            self._process.wait(_TO_END_SEC if self._has_forked else 0)  # it may be at its imports, with no children
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def fork_server() -> ForkServer:
    """Return the server of this process, started where none is running.

    Raises OSError when it cannot be, UsageError where processes cannot be forked.
    """
    global _running
    if not hasattr(os, "fork"):
        raise UsageError("jobs in processes of their own, and limits of time and memory, need Linux or macOS")
    with _lock:
        if _running is None or not _running.lives:
            if _running is not None:
                _running.close()
            _running = ForkServer()
        return _running


def give_up(server: ForkServer) -> None:
    """End a server that is dead or stuck, with its children; the next child comes from another one."""
    global _running
    with _lock:
        if _running is server:
            _running = None
    server.close()


@atexit.register
def _close() -> None:
    if _running is not None:
        _running.close()


def _flags() -> list[str]:
    """Return the options of this interpreter by which a strategy could behave differently."""
    optimised = [f"-{'O' * sys.flags.optimize}"] if sys.flags.optimize else []
    return [*optimised, *(f"-W{option}" for option in sys.warnoptions)]
