"""What the signals that would end a command do instead."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


def raise_on_signals(hear: Callable[[int], None] = lambda number: None) -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP raise Interrupted in the main thread: blocks are left in good order.

    `hear` is called before, each time, with the signal's number.
    """
    from dbatch.errors import Interrupted

    def stop(number: int, frame: Any) -> None:
        hear(number)
        raise Interrupted(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
