"""The rules for cells of workbooks and CSV files, one cell at a time."""

from __future__ import annotations

import datetime as dt
import math
import re
from array import array
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.schema import EVENT_TYPES

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(?:Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # 64-bit nanoseconds hold all of these
_LARGEST_VOLUME = 2**63 - 1


class Events:
    """Events as they are read, row by row; missing values as in an EventBlock."""

    def __init__(self) -> None:
        self._timestamps = array("q")
        self._kinds = array("b")
        self._prices = array("d")
        self._volumes = array("q")

    def add(self, cells: Sequence[object]) -> None:
        """Add the event whose timestamp, type, price and volume are `cells`; none where nothing is in all four."""
        if all(cell is None or cell == "" for cell in cells):
            return
        timestamp, kind, price, volume = cells
        self._timestamps.append(timestamp_of(timestamp))
        self._kinds.append(kind_of(kind))
        self._prices.append(price_of(price))
        self._volumes.append(volume_of(volume))

    def block(self) -> EventBlock:
        """Return the events so far."""
        return EventBlock(
            np.array(self._timestamps, np.int64),
            np.array(self._kinds, np.int8),
            np.array(self._prices, np.float64),
            np.array(self._volumes, np.int64),
        )


def timestamp_of(cell: object) -> int:
    """Return the time that `cell` reads, in nanoseconds since 1970; an offset from Greenwich is left out.

    >>> timestamp_of("1970-01-01T00:01+04:00"), timestamp_of("14/04/2025") == NOT_A_TIME
    (60000000000, True)
    """
    if isinstance(cell, dt.datetime):
        return _nanoseconds(cell, 0)
    found = _ISO.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if found is None:
        return NOT_A_TIME
    *clock, fraction = found.groups(default="0")
    try:
        year, month, day, hour, minute, second = map(int, clock)
        return _nanoseconds(dt.datetime(year, month, day, hour, minute, second), int(fraction.ljust(9, "0")))
    except ValueError:  # no such day, or no such hour
        return NOT_A_TIME


def kind_of(cell: object) -> int:
    """Return the code of the type that `cell` names in any case, `OTHER` for any other cell."""
    name = cell.strip().lower() if isinstance(cell, str) else None
    return EVENT_TYPES.index(name) if name in EVENT_TYPES else OTHER


def price_of(cell: object) -> float:
    """Return the finite number that `cell` is or spells, else NaN.

    >>> price_of(" 1e3"), price_of(-1.0), price_of("1,000"), price_of(True)
    (1000.0, -1.0, nan, nan)
    """
    number = _number(cell)
    return math.nan if number is None else float(number)


def volume_of(cell: object) -> int:
    """Return the shares that `cell` is or spells, without a fraction; 0 for none, less than none, or 2^63 and more.

    >>> volume_of("1e3"), volume_of(1.5), volume_of("-5"), volume_of("9223372036854775808")
    (1000, 1, 0, 0)
    """
    number = _number(cell)
    if number is None or not 0 < float(number) <= 2.0**63:
        return 0
    shares = int(Decimal(number))  # exact, where a float has 53 bits
    return shares if shares <= _LARGEST_VOLUME else 0


def _number(cell: object) -> float | str | None:
    """Return `cell` when it is a finite number, or its text when that spells one."""
    if isinstance(cell, str):
        text = cell.strip()
        return text if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else None
    return cell if isinstance(cell, float) and math.isfinite(cell) else None


def _nanoseconds(moment: dt.datetime, nanoseconds: int) -> int:
    """Return `moment`, which has no zone, and `nanoseconds` since 1970; NOT_A_TIME in years that are not kept."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return NOT_A_TIME
    return (moment - _EPOCH) // dt.timedelta(microseconds=1) * 1_000 + nanoseconds
