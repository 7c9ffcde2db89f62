"""Events on their way to a replayed job: numbered as in their source, cut at a time, held back for the debugger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.data.blocks import NOT_A_TIME, EventBlock, within
from dbatch.model import Window


class Rows(NamedTuple):
    """A block of events, and the number that each of its rows has in the source, from 0."""

    block: EventBlock
    numbers: np.ndarray

    def part(self, begin: int, end: int) -> Rows:
        """Return rows `begin` to `end`."""
        return Rows(self.block.rows(slice(begin, end)), self.numbers[begin:end])


def numbered(blocks: Iterable[EventBlock], window: Window) -> Iterator[Rows]:
    """Yield `blocks`, which are a whole source, cut to the rows inside `window`."""
    first = 0
    for block in blocks:
        numbers = np.arange(first, first + len(block))
        first += len(block)
        (kept,) = within([block], window)
        marks = EventBlock(block.timestamps, block.kinds, block.prices, numbers)
        (marked,) = within([marks], window)  # the same rule, so the same rows
        yield Rows(kept, marked.volumes)


class Until:
    """Cuts a source before its first event after `moment`; None cuts nothing.

    `last` is the time of the last row that was yielded, 0 before the first. Afterwards `was_cut` says whether any row
    was left out, `time_goes_back` whether one of these is not after `moment`; that takes reading on to the end, which
    `reads_on` asks for.
    """

    def __init__(self, moment: int | None, *, reads_on: bool) -> None:
        self.moment = moment
        self._reads_on = reads_on
        self.last = 0
        self.was_cut = False
        self.time_goes_back = False

    def __call__(self, pieces: Iterable[Rows]) -> Iterator[Rows]:
        """Yield `pieces` up to the cut."""
        for piece in pieces:
            times = piece.block.timestamps
            end = 0
            if not self.was_cut:
                late = times > (np.iinfo(np.int64).max if self.moment is None else self.moment)
                self.was_cut = bool(late.any())
                end = int(late.argmax()) if self.was_cut else len(times)
                self.last = int(times[end - 1]) if end else self.last
                yield piece.part(0, end)
            if self.was_cut and not self._reads_on:
                return
            rest = times[end:]
            self.time_goes_back |= bool(((rest <= (self.moment or 0)) & (rest != NOT_A_TIME)).any())

    def of_bars(self, bars: BarBlock) -> BarBlock:
        """Return `bars` up to the cut: they rise."""
        end = len(bars) if self.moment is None else int(np.searchsorted(bars.timestamps, self.moment, side="right"))
        self.was_cut = end < len(bars)
        self.last = int(bars.timestamps[end - 1]) if end else 0
        return bars.rows(slice(0, end))


def pausing_before_last(pieces: Iterable[Rows], pause: Callable[[EventBlock], None]) -> Iterator[Rows]:
    """Yield `pieces`, and call `pause` with the events at the last time of all just before these are yielded."""
    held: Rows | None = None
    for piece in pieces:
        if not len(piece.block):
            continue
        if held is not None:
            yield held
        held = piece
    if held is None:
        return
    times = held.block.timestamps
    earlier = np.flatnonzero(times != times[-1])
    begin = int(earlier[-1]) + 1 if len(earlier) else 0
    if begin:
        yield held.part(0, begin)
    last = held.part(begin, len(times))
    pause(last.block)
    yield last
