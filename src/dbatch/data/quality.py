"""Adds up the quality of events, batch by batch, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.data.faults import Faults
from dbatch.data.report import QualityReport

__all__ = ["Quality", "QualityReport", "report_of"]

_DAY_NS: Final = 86_400_000_000_000
_GAPS_SHOWN: Final = 20
_THURSDAY_1970: Final = 3  # day 0 is a Thursday; Monday counts as 0

Columns = tuple[np.ndarray[Any, Any], ...]


def report_of(
    security: str, source: str, batches: Iterable[pa.RecordBatch], faults: Faults | None = None
) -> QualityReport:
    """Return the report of canonical `batches`; `faults` are those met while the batches were made."""
    quality = Quality()
    for batch in batches:
        quality.add(batch)
    return quality.report(security, source, faults or Faults())


class Quality:
    """Counts over canonical batches, given in source order."""

    def __init__(self) -> None:
        self.rows = 0
        self.usable_rows = 0
        self._duplicates = 0
        self._out_of_order = 0
        self._nonpositive_prices = 0
        self._zero_volumes = 0
        self._nulls = {"timestamp": 0, "type": 0, "price": 0, "volume": 0}
        self._first: int | None = None
        self._last: int | None = None
        self._days: set[int] = set()
        self._last_time: int | None = None
        self._last_row: Columns | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of one batch."""
        if batch.num_rows == 0:
            return
        valid = [column.is_valid().to_numpy(zero_copy_only=False) for column in batch.columns]
        times = batch.column(0).view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        codes = batch.column(1).indices.fill_null(-1).to_numpy(zero_copy_only=False)
        prices = batch.column(2).fill_null(0.0).to_numpy(zero_copy_only=False)
        volumes = batch.column(3).fill_null(0).to_numpy(zero_copy_only=False)
        self.rows += batch.num_rows
        self.usable_rows += int(np.count_nonzero(valid[0] & valid[1] & valid[2]))
        self._nonpositive_prices += int(np.count_nonzero(valid[2] & (prices <= 0)))
        self._zero_volumes += int(np.count_nonzero(valid[3] & (volumes == 0)))
        for name, is_valid in zip(self._nulls, valid, strict=True):
            self._nulls[name] += int(np.count_nonzero(~is_valid))
        self._add_times(times[valid[0]])
        self._add_duplicates((times, codes, prices, volumes), np.logical_and.reduce(valid))

    def _add_times(self, times: np.ndarray[Any, Any]) -> None:
        if len(times) == 0:
            return
        low, high = int(times.min()), int(times.max())
        self._first = low if self._first is None else min(self._first, low)
        self._last = high if self._last is None else max(self._last, high)
        self._out_of_order += int(np.count_nonzero(times[1:] < times[:-1]))
        if self._last_time is not None and times[0] < self._last_time:
            self._out_of_order += 1
        self._last_time = int(times[-1])
        days = times // _DAY_NS
        self._days.update(days[np.flatnonzero(np.diff(days, prepend=days[0] - 1))].tolist())

    def _add_duplicates(self, columns: Columns, complete: np.ndarray[Any, Any]) -> None:
        same = complete[1:] & complete[:-1]
        for column in columns:
            same &= column[1:] == column[:-1]
        self._duplicates += int(np.count_nonzero(same))
        if self._last_row is not None and complete[0]:
            pairs = zip(columns, self._last_row, strict=True)
            self._duplicates += all(bool(column[0] == last[0]) for column, last in pairs)
        self._last_row = tuple(column[-1:].copy() for column in columns) if complete[-1] else None

    def report(self, security: str, source: str, faults: Faults, *, blank_rows: int = 0) -> QualityReport:
        """Return the report of all that was added; nulls that no fault explains are counted as nulls."""
        gap_days, gaps = missing_days(self._days)
        unusable = faults.counts or {f"{name} is null": n for name, n in self._nulls.items() if n}
        return QualityReport(
            security=security,
            source=source,
            rows=self.rows,
            usable_rows=self.usable_rows,
            blank_rows=blank_rows,
            unusable=unusable,
            examples=faults.examples,
            first=iso_time(self._first),
            last=iso_time(self._last),
            duplicates=self._duplicates,
            out_of_order=self._out_of_order,
            gap_days=gap_days,
            gaps=gaps,
            nonpositive_prices=self._nonpositive_prices,
            zero_volumes=self._zero_volumes,
        )


def missing_days(days: set[int]) -> tuple[int, tuple[str, ...]]:
    """Return how many trading days are missing, and the first runs of them as `2025-05-01..2025-05-05`."""
    open_weekdays = {(day + _THURSDAY_1970) % 7 for day in days}
    present = sorted(days)
    count = 0
    runs: list[str] = []
    for before, after in pairwise(present):
        if after == before + 1:
            continue
        span = np.arange(before + 1, after)
        missing = span[np.isin((span + _THURSDAY_1970) % 7, list(open_weekdays))]
        count += len(missing)
        if len(missing) and len(runs) < _GAPS_SHOWN:
            low, high = (str(np.datetime64(int(day), "D")) for day in (missing[0], missing[-1]))
            runs.append(low if low == high else f"{low}..{high}")
    return count, tuple(runs)


def iso_time(time_ns: int | None) -> str | None:
    """Return nanoseconds since 1970 in ISO form, no longer than needed."""
    if time_ns is None:
        return None
    text = str(np.datetime64(time_ns, "ns"))
    return text.rstrip("0").removesuffix(".") if "." in text else text
