"""Two runs at the same time that take their blocks of events by turns, always in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Condition

from dbatch.data.blocks import EventBlock


class Turns:
    """The turn of two runs, 0 and 1: whoever has it works, the other waits; run 0 begins.

    A run gives its turn away when it asks for its next block, so it works on each block alone.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._turn = 0
        self._left: set[int] = set()

    def blocks(self, run: int, blocks: Iterable[EventBlock]) -> Iterator[EventBlock]:
        """Yield `blocks` whenever it is the turn of `run`; after the last one the run has the turn again."""
        for block in blocks:
            self._take(run)
            yield block
            self._give_to_other(run)
        self._take(run)

    def leave(self, run: int) -> None:
        """Let the other run go on alone; called when `run` has ended, however it did."""
        with self._condition:
            self._left.add(run)
            self._turn = 1 - run
            self._condition.notify_all()

    def _take(self, run: int) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._turn == run)

    def _give_to_other(self, run: int) -> None:
        with self._condition:
            if 1 - run not in self._left:
                self._turn = 1 - run
                self._condition.notify_all()
