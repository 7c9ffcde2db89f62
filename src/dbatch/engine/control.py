"""What the driver is told while jobs run: to end in good order, and by when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Control:
    """A wish to stop: no further units, those under way end with the job they are at, within `grace` seconds.

    It may be expressed from a signal handler or another thread, while somebody is `listening`: at other times there
    is nothing to end in good order.
    """

    grace: float = 10.0
    listening: bool = field(default=False, init=False)
    signal: int | None = field(default=None, init=False)
    deadline: float | None = field(default=None, init=False)

    def drain(self, signal: int | None = None) -> None:
        """Ask for the end, because of a signal where one is given."""
        if self.deadline is None:
            self.signal = signal
            self.deadline = time.monotonic() + self.grace

    @property
    def draining(self) -> bool:
        return self.deadline is not None

    @property
    def expired(self) -> bool:
        """Whether the time for a good end is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline
