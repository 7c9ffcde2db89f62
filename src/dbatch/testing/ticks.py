"""Ticks as people write them: a line an event."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Final

import numpy as np
import pandas as pd

from dbatch.errors import UsageError
from dbatch.schema import EVENT_COLUMNS, EVENT_TYPES

DEFAULT_VOLUME: Final = 1_000
"""Shares of a line that names none; not 0, for a quote of no shares empties its side of the book."""

FIRST_DATE: Final = dt.date(2025, 1, 6)
_YEARS: Final = range(1678, 2262)  # those that nanoseconds since 1970 reach as a whole
_FORM: Final = "[YYYY-MM-DD ]HH:MM[:SS[.fraction]] bid|ask|trade PRICE [VOLUME]"
_DATE = re.compile(r"\d+-\d+-\d+")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")
_SHARES = re.compile(r"\d[\d_]*")


def ticks_of(*lines: str) -> pd.DataFrame:
    """Return events in the order of `lines`, in the columns and dtypes of `schema.EVENT_COLUMNS`.

    A line is `[YYYY-MM-DD ]HH:MM[:SS[.fraction]] bid|ask|trade PRICE [VOLUME]`. A date holds until the next line
    that names one; before the first it is 2025-01-06, a Monday. A line without a volume has 1,000 shares. Raises
    UsageError that names the first line that cannot be read, counted from 1, and what would be right.

    >>> ticks_of("10:00:01 bid 10.00 500", "10:00:02 trade 10.00")["volume"].tolist()
    [500, 1000]
    """
    rows = []
    date = FIRST_DATE
    for number, line in enumerate(lines, start=1):
        try:
            date, row = _event(line, date)
        except ValueError as error:
            raise UsageError(f"line {number}, {line!r}: {error}; a line is {_FORM}") from error
        rows.append(row)
    times, types, prices, volumes = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = (
        np.array(times, dtype="int64").view("datetime64[ns]"),
        np.array(types, dtype=object),
        np.array(prices, dtype="float64"),
        np.array(volumes, dtype="int64"),
    )
    return pd.DataFrame(dict(zip(EVENT_COLUMNS, columns, strict=True))).astype({"type": object})


def _event(line: object, date: dt.date) -> tuple[dt.date, tuple[int, str, float, int]]:
    """Return the date in force after `line`, and its event; raise ValueError that says what is wrong."""
    if not isinstance(line, str):
        raise ValueError(f"is {type(line).__name__}, must be text")
    words = line.split()
    if words and _DATE.fullmatch(words[0]):
        date = _date(words.pop(0))
    if not 3 <= len(words) <= 4:
        raise ValueError("must have a time, a type, a price and at most a volume")
    clock, kind, price, volume = [*words, str(DEFAULT_VOLUME)][:4]
    if kind.lower() not in EVENT_TYPES:
        raise ValueError(f"the type is {kind!r}, must be bid, ask or trade")
    midnight = (date - dt.date(1970, 1, 1)).days * 86_400_000_000_000
    return date, (midnight + _nanoseconds(clock), kind.lower(), _price(price), _volume(volume))


def _date(word: str) -> dt.date:
    try:
        date = dt.datetime.strptime(word, "%Y-%m-%d").date()
    except ValueError as error:
        raise ValueError(f"{word!r} is no date, must be one such as 2025-01-06") from error
    if date.year not in _YEARS:
        raise ValueError(f"{word!r} must lie between the years {_YEARS[0]} and {_YEARS[-1]}")
    return date


def _nanoseconds(clock: str) -> int:
    found = _CLOCK.fullmatch(clock)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise ValueError(f"the time is {clock!r}, must be one such as 10:00:01")
    seconds = (int(found[1]) * 60 + int(found[2])) * 60 + int(found[3] or 0)
    return seconds * 1_000_000_000 + int((found[4] or "").ljust(9, "0"))


def _price(word: str) -> float:
    try:
        price = float(word)
    except ValueError:
        price = math.nan
    if not math.isfinite(price):
        raise ValueError(f"the price is {word!r}, must be a number such as 10.05")
    return price


def _volume(word: str) -> int:
    if not _SHARES.fullmatch(word) or int(word) >= 2**63:
        raise ValueError(f"the volume is {word!r}, must be a whole number of shares, 0 or more")
    return int(word)
