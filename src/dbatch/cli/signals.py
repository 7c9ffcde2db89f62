"""What the signals that would end a command do instead."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def on_signals(hear: Callable[[int], None]) -> None:
    """Have `hear` called, in the main thread, with the number of each Ctrl-C, SIGTERM and SIGHUP."""

    def heard(number: int, frame: Any) -> None:
        hear(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), heard)


def raise_on_signals(hear: Callable[[int], None] = lambda number: None) -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP raise Interrupted in the main thread: blocks are left in good order.

    `hear` is called before, each time, with the signal's number.
    """
    from dbatch.errors import Interrupted

    def stop(number: int) -> None:
        hear(number)
        raise Interrupted(number)

    on_signals(stop)


def leave_at_once(number: int) -> None:
    """End this process and all its descendants, as signal `number` asked."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it was quicker
            child.kill()
    os._exit(128 + number)
