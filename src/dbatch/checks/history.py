"""The data of one job as rows that can be cut off at their end or at their beginning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dbatch.checks.decisions import DAY
from dbatch.data.bar_read import load_bars
from dbatch.data.bars import BarBlock, bars_within
from dbatch.data.blocks import NO_EVENTS, NOT_A_TIME, EventBlock
from dbatch.data.faults import Faults
from dbatch.data.securities import members_of
from dbatch.engine.alone import events_of
from dbatch.model import Job, RunContext, Window

_WEEK: Final = 7 * DAY
_FROM_MONDAY: Final = 3 * DAY
"""1970 began on a Thursday."""

Rows = EventBlock | BarBlock | tuple[tuple[str, BarBlock], ...]
"""Events or bars of a security, or the bars of each security of a universe by its name."""


@dataclass(frozen=True)
class History:
    """All there is of one job: `rows`, and `times` (int64 nanoseconds since 1970), one for each place to cut at.

    Of events and bars each row has a place, of a universe each day on which any of its securities traded.
    """

    rows: Rows
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    def before(self, place: int) -> Rows:
        """Return what there is before `place`."""
        return self._part(slice(0, place))

    def since(self, place: int) -> Rows:
        """Return what there is from `place` on."""
        return self._part(slice(place, None))

    def _part(self, keep: slice) -> Rows:
        if isinstance(self.rows, EventBlock | BarBlock):
            return self.rows.rows(keep)
        times = self.times[keep]
        parts = []
        for name, bars in self.rows:
            ends = np.searchsorted(bars.timestamps, [times[0], times[-1] + DAY] if len(times) else [0, 0])
            parts.append((name, bars.rows(slice(*ends.tolist()))))
        return tuple(parts)

    @cached_property
    def clean(self) -> np.ndarray:
        """The places (int64, rising) before which every time is earlier than every one from there on."""
        dated = self.times != NOT_A_TIME
        before = np.maximum.accumulate(np.where(dated, self.times, NOT_A_TIME))
        after = np.minimum.accumulate(np.where(dated, self.times, np.iinfo(np.int64).max)[::-1])[::-1]
        return np.flatnonzero((before[:-1] < after[1:]) & (before[:-1] != NOT_A_TIME) & dated[1:]) + 1

    def borders(self, of: str) -> np.ndarray:
        """Return the clean places at which a day or a week (ISO, UTC) begins: `of` is "day" or "week"."""
        length, offset = (DAY, 0) if of == "day" else (_WEEK, _FROM_MONDAY)
        periods = (self.times + offset) // length
        found: np.ndarray = self.clean[periods[self.clean] != periods[self.clean - 1]]
        return found


def history_of(context: RunContext, job: Job) -> History:
    """Return the data of `job` in the context's window; raises DataError where it cannot be read."""
    faults = Faults()
    if job.security.source.kind == "universe":
        known = Window(end_day=context.window.end_day)  # features know the bars before the first day, too
        members = tuple(
            (member.name, bars_within(load_bars(member, faults), known)) for member in members_of(job.security.source)
        )
        days = np.unique(np.concatenate([bars.timestamps // DAY for _, bars in members]))
        return History(members, days * DAY)
    blocks = list(events_of(context, job, faults))
    if blocks and isinstance(blocks[0], BarBlock):
        return History(blocks[0], blocks[0].timestamps)
    events = EventBlock(*map(np.concatenate, zip(NO_EVENTS, *blocks, strict=True)))
    return History(events, events.timestamps)
