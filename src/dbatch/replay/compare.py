"""Fills of then against fills of now, and failures likewise."""

from __future__ import annotations

import re

import numpy as np

from dbatch.engine.fills import Fills, fill_table
from dbatch.replay.moments import moment_text
from dbatch.replay.report import FillDifference, FillRow
from dbatch.schema import FILL_COLUMNS

_PLACE = re.compile(r"^.*?\.py:\d+: ")


def first_fills(fills: Fills, count: int) -> Fills:
    """Return the first `count` fills."""
    return Fills(*(column[:count] for column in fills.columns))


def fills_up_to(stored: Fills, moment: int, replayed: int, *, time_goes_back: bool) -> Fills:
    """Return those of the `stored` fills that a replay up to `moment`, which gave `replayed` fills, is held against.

    These are the leading ones not after `moment`, and as many as were replayed: a handler may give its fills
    other times than its events. Where `time_goes_back` behind `moment` later, a fill's time does not tell whether
    the replay came to it, and only as many as were replayed are taken.
    """
    late = stored.timestamps > moment
    leading = int(late.argmax()) if late.any() else len(stored)
    return first_fills(stored, replayed if time_goes_back else max(leading, replayed))


def first_difference(then: Fills, now: Fills) -> FillDifference | None:
    """Return the first fill that differs in any bit, or None."""
    common = min(len(then), len(now))
    differ = np.zeros(common, dtype=bool)
    for before, after in zip(then.columns, now.columns, strict=True):
        differ |= _bits(before[:common]) != _bits(after[:common])
    if not differ.any() and len(then) == len(now):
        return None
    index = int(differ.argmax()) if differ.any() else common
    return FillDifference(index + 1, fill_row(then, index), fill_row(now, index))


def fill_row(fills: Fills, index: int) -> FillRow | None:
    """Return fill number `index`, from 0; None past the last."""
    if index >= len(fills):
        return None
    one = fill_table(Fills(*(column[index : index + 1] for column in fills.columns)))
    values = {name: one.column(name)[0].as_py() for name in FILL_COLUMNS[1:]}
    return FillRow(timestamp=moment_text(int(fills.timestamps[index])), **values)


def same_failure(then: str, now: str) -> bool:
    """Return whether two errors are of one kind and text, wherever in the strategy's file each was raised."""
    return _PLACE.sub("", then) == _PLACE.sub("", now)


def _bits(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column).view(np.int64)
