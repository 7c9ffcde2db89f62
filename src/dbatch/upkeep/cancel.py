"""The end of a driver that somebody else asks for."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbatch.errors import OutputError, UsageError
from dbatch.results.folder import LOCK_NAME, Holder, clear_cancel, holder, request_cancel

_LOOK_SECONDS: Final = 0.2
_TERM_SECONDS: Final = 5.0
"""How long a driver may take to end after it was told at once, before it is killed."""


@dataclass(frozen=True)
class Cancellation:
    """What came of asking: the driver, None where there was none, whether it has ended, after how many seconds."""

    driver: Holder | None
    ended: bool
    seconds: float


def cancel(folder: Path, *, wait: float, now: bool = False, say: Callable[[str], None]) -> Cancellation:
    """Ask the driver of `folder` to stop, wait up to `wait` seconds until it has, and return what came of it.

    One that has not ended then is ended from outside with `now`: by SIGTERM twice, then killed; else it still is to
    stop when it sees the request. Raises OutputError for a folder that is not there, UsageError for `now` on
    another host.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; name that of a batch")
    driver = holder(folder)
    if driver is None or driver.alive is False:
        clear_cancel(folder)
        return Cancellation(None, True, 0.0)
    if now and driver.host != socket.gethostname():
        raise UsageError(f"--now: {driver} cannot be ended from here; call it there, or leave out --now")
    request_cancel(folder)
    say(f"asked {driver} to stop; waiting up to {wait:g} s")
    began = time.monotonic()
    ended = _ended(folder, driver, wait)
    if not ended and now:
        ended = _end(folder, driver, say)
    if ended and ((left := holder(folder)) is None or left.alive is False):
        clear_cancel(folder)
    return Cancellation(driver, ended, time.monotonic() - began)


def _ended(folder: Path, driver: Holder, wait: float) -> bool:
    """Return whether `driver` gives up the folder's lock within `wait` seconds."""
    until = time.monotonic() + wait
    while True:
        now = holder(folder)
        if now is None or now.alive is False or now.started_at != driver.started_at:
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)


def _end(folder: Path, driver: Holder, say: Callable[[str], None]) -> bool:
    """End the process that holds the lock, and return whether it is gone."""
    if not _holds(driver.pid, folder / LOCK_NAME):
        say(f"{driver} is not to be seen from here; it is left alone")
        return False
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGTERM, _TERM_SECONDS), (kill, _TERM_SECONDS)):
        say(f"{signal.Signals(number).name} to process {driver.pid}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(driver.pid, number)
        if _ended(folder, driver, patience):
            return True
    return False


def _holds(pid: int, lock: Path) -> bool:
    """Return whether process `pid` has `lock` open: numbers of processes are used again, and differ in containers."""
    import psutil

    try:
        return any(Path(file.path) == lock.resolve() for file in psutil.Process(pid).open_files())
    except (psutil.Error, ValueError):
        return False
