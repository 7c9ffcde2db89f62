"""What the driver is told while jobs run: to end in good order, and by when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Control:
    """A wish to stop: no further units, those under way end with the job they are at, within `grace` seconds.

    It may be expressed from a signal handler or another thread.
    """

    grace: float = 10.0
    reason: str = field(default="", init=False)
    deadline: float | None = field(default=None, init=False)

    def drain(self, reason: str, *, grace: float | None = None) -> None:
        """Ask for the end; the first reason stays."""
        if self.deadline is None:
            self.reason = reason
            self.deadline = time.monotonic() + (self.grace if grace is None else grace)

    @property
    def draining(self) -> bool:
        return self.deadline is not None

    @property
    def expired(self) -> bool:
        """Whether the time for a good end is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline
