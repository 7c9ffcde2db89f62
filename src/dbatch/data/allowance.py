"""How much may go on at once: work waits until what it needs is free."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Allowance:
    """An amount of something, such as megabytes, that several threads share."""

    def __init__(self, amount: float) -> None:
        self._amount = amount
        self._taken = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, needed: float) -> Iterator[None]:
        """Hold `needed` of it within the block, once that much is free; more than there is waits for all of it."""
        part = min(needed, self._amount)
        with self._changed:
            self._changed.wait_for(lambda: self._taken + part <= self._amount)
            self._taken += part
        try:
            yield
        finally:
            with self._changed:
                self._taken -= part
                self._changed.notify_all()
