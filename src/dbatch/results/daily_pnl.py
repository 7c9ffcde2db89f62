"""The daily P&L of many jobs: a matrix for all that one part holds over the same days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dbatch.results.columns import in_one, is_null


class Daily(NamedTuple):
    """A job's P&L: `pnl` float64 currency on each of `days`, int32 days since 1970; equal days are one array."""

    days: np.ndarray
    pnl: np.ndarray


@dataclass(frozen=True)
class DailyPnl:
    """Of each job, by its place: the number of its days in `days`, -1 where it has none; and in which of `matrices`,
    float64 currency, a column a day, which row is its P&L."""

    days: list[np.ndarray]
    matrices: list[np.ndarray]
    days_of: np.ndarray
    matrix_of: np.ndarray
    row_of: np.ndarray

    def of(self, place: int) -> Daily | None:
        """Return the P&L of the job at `place`, None where it has none."""
        if self.days_of[place] < 0:
            return None
        return Daily(self.days[self.days_of[place]], self.matrices[self.matrix_of[place]][self.row_of[place]])

    def together(self, places: np.ndarray) -> np.ndarray:
        """Return the P&L of jobs that have the same days, a row for each of `places`, in a matrix of its own."""
        found = np.empty((len(places), len(self.days[self.days_of[places[0]]])))
        matrices, rows = self.matrix_of[places], self.row_of[places]
        for matrix in np.unique(matrices).tolist():
            here = np.flatnonzero(matrices == matrix)
            found[here] = self.matrices[matrix][rows[here]]
        return found


class Gathering:
    """Daily P&L taken from one part after the other."""

    def __init__(self) -> None:
        self._days: list[np.ndarray] = []
        self._numbers: dict[bytes, int] = {}
        self._matrices: list[np.ndarray] = []
        self._places: list[np.ndarray] = []

    def add(self, table: pa.Table) -> None:
        """Take the columns `days` and `daily_pnl` of the next jobs."""
        place = np.full((3, len(table)), -1, np.int32)
        for rows, days, pnl in _matrices(in_one(table.column("days")), in_one(table.column("daily_pnl"))):
            number = self._numbers.setdefault(days.tobytes(), len(self._days))
            if number == len(self._days):
                self._days.append(days)
            place[0, rows], place[1, rows], place[2, rows] = number, len(self._matrices), np.arange(len(rows))
            self._matrices.append(pnl)
        self._places.append(place)

    def done(self) -> DailyPnl:
        """Return what was taken, jobs in the order in which they came."""
        return DailyPnl(
            self._days, self._matrices, *np.concatenate([np.empty((3, 0), np.int32), *self._places], axis=1)
        )


def _matrices(days: pa.ListArray, pnl: pa.ListArray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (their rows, the days, a matrix of P&L) of those rows that have the same days and P&L on them."""
    rows = np.flatnonzero(~(is_null(days) | is_null(pnl)))
    if not len(rows):
        return
    bounds, values = _array(days.offsets), _array(days.values)
    first, last = bounds[rows], bounds[rows + 1]
    size = int(last[0] - first[0])
    if len(rows) == len(days) and (last - first == size).all():
        table = values[first[0] : last[-1]].reshape(len(rows), size)
        groups = [rows] if (table == table[0]).all() else _groups(rows, list(table))
    else:
        groups = _groups(rows, [values[start:end] for start, end in zip(first.tolist(), last.tolist(), strict=True)])
    starts, earned = _array(pnl.offsets), _array(pnl.values)
    for group in groups:
        own = values[bounds[group[0]] : bounds[group[0] + 1]].copy()  # not all of the part
        if len(group) == len(days):
            yield group, own, earned[starts[0] : starts[-1]].reshape(len(group), len(own))
        else:
            yield group, own, earned[starts[group][:, np.newaxis] + np.arange(len(own))]


def _groups(rows: np.ndarray, days: list[np.ndarray]) -> list[np.ndarray]:
    """Return those of `rows` that have the same `days` together."""
    found: dict[bytes, list[int]] = {}
    for row, own in zip(rows.tolist(), days, strict=True):
        found.setdefault(own.tobytes(), []).append(row)
    return [np.array(group) for group in found.values()]


def _array(values: pa.Array) -> np.ndarray:
    found: np.ndarray = np.from_dlpack(values)
    return found
