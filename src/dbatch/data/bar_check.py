"""The quality of the bars at a path, without writing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import PurePath

import numpy as np

from dbatch.data.bar_clean import clean, in_order
from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import raw_bars
from dbatch.data.check import CheckOutcome, outcomes_of
from dbatch.data.faults import GAP, Faults
from dbatch.data.quality import QualityReport, iso_time, missing_days
from dbatch.data.resample import length_name
from dbatch.model import Security

_DAY = 86_400_000_000_000


def check_bars(path: str | os.PathLike[str], *, header_row: int | None = None) -> Iterator[CheckOutcome]:
    """Yield what was found for each security whose bars are at `path`. Raises what `open_bars` raises."""
    yield from outcomes_of(open_bars(path, header_row=header_row).securities, _report)


def _report(security: Security) -> QualityReport:
    faults = Faults()
    tables = raw_bars(security)
    bars, place = in_order([clean(raw, faults) for raw in tables], faults)
    stamps = bars.timestamps
    usual = usual_step(stamps)
    days = stamps // _DAY
    for row in np.flatnonzero((np.diff(stamps) > usual) & (np.diff(days) == 0)).tolist():
        missing = int(stamps[row + 1] - stamps[row]) // usual - 1
        found = f"{max(missing, 1)} of {length_name(usual)}"
        faults.add(GAP, partial(place, row + 1), found)
    gap_days, gaps = missing_days(set(days.tolist()))
    return QualityReport(
        security=security.name,
        source=PurePath(security.source.paths[0]).name,
        rows=sum(map(len, tables)),
        usable_rows=len(bars),
        unusable=faults.counts,
        examples=faults.examples,
        first=iso_time(int(stamps[0])) if len(bars) else None,
        last=iso_time(int(stamps[-1])) if len(bars) else None,
        gap_days=gap_days,
        gaps=gaps,
        zero_volumes=int(np.count_nonzero(bars.volumes == 0.0)),
    )


def usual_step(stamps: np.ndarray) -> int:
    """Return the most common distance between labels in nanoseconds, the shortest of equally common; a day for none."""
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    return int(steps[np.argmax(counts)]) if len(steps) else _DAY
