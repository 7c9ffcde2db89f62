"""Bars of one security, row by row, written from the rules in docs/data.md: slow but obvious."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from dbatch.data.bars import BarBlock, bar_block
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.errors import SchemaError
from dbatch.model import Security, Window
from dbatch.reference.plain_bar_files import Row, rows_of
from dbatch.reference.plain_cells import price_of
from dbatch.reference.plain_read import read_whole
from dbatch.schema import EVENT_TYPES

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_EPOCH = dt.datetime(1970, 1, 1)
_MOMENT = re.compile(
    r"(\d{4})[-./]?(\d\d)[-./]?(\d\d)(?:[T ]\s*(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?)?"
)
_CLOCK = re.compile(r"(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}

Bar = tuple[int, float, float, float, float, float]


def read_whole_bars(security: Security, window: Window) -> BarBlock:
    """Return all bars of `security` whose labels lie inside `window`, oldest first.

    Raises DataError (or one of its kinds), naming the file, for what cannot be read.
    """
    source = security.source
    if source.bars == "rows":
        bars = _in_order(
            [bar for row in rows_of(source) if (bar := _bar(row, source.zone, source.adjusted)) is not None]
        )
    else:
        ticks = dataclasses.replace(security, source=dataclasses.replace(source, bars=""))
        bars = _of_trades(read_whole(ticks, Window()), source.bars)
    first = -math.inf if window.start_day is None else window.start_day * _DAY
    end = math.inf if window.end_day is None else (window.end_day + 1) * _DAY
    inside = [bar for bar in bars if first <= bar[0] < end]
    columns = [[bar[column] for bar in inside] for column in range(6)]
    return bar_block(np.array(columns[0], np.int64), *(np.array(column, np.float64) for column in columns[1:]))


def _in_order(bars: Sequence[Bar]) -> list[Bar]:
    """Return `bars` by time, the first of those with one label."""
    kept: dict[int, Bar] = {}
    for bar in bars:
        kept.setdefault(bar[0], bar)
    return [kept[label] for label in sorted(kept)]


def _bar(row: Row, zone: str, adjusted: bool) -> Bar | None:
    """Return the bar of a row, None where it is none."""
    label = _label(row, zone)
    prices = [price_of(row.get(name)) for name in ("open", "high", "low", "close") if name in row]
    if label is None or not all(price > 0.0 and math.isfinite(price) for price in prices):
        return None
    opened, high, low, close = prices if len(prices) == 4 else prices * 4
    if high < low:
        return None
    if adjusted and "adjusted" in row:
        scaled = price_of(row["adjusted"])
        if not (scaled > 0.0 and math.isfinite(scaled)):
            return None
        factor = scaled / close
        opened, high, low, close = opened * factor, high * factor, low * factor, scaled
    volume = price_of(row.get("volume"))
    return label, opened, high, low, close, volume if math.isfinite(volume) and volume > 0.0 else 0.0


def _label(row: Row, zone: str) -> int | None:
    found = _moment(row["timestamp"])
    if found is None:
        return None
    moment, is_instant = found
    if "time" in row:
        clock = _of_day(row["time"])
        if clock is None:
            return None
        moment += clock
    if is_instant and zone:
        offset = (_EPOCH + dt.timedelta(microseconds=moment // 1000)).replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone))
        shift = offset.utcoffset()
        assert shift is not None, "it has a zone"
        moment += round(shift.total_seconds()) * _SECOND
    return moment


def _moment(cell: object) -> tuple[int, bool] | None:
    """Return nanoseconds since 1970, and whether they are those of an instant."""
    if isinstance(cell, tuple):  # of a column of times: nanoseconds, and whether the column has a zone
        return cell
    if isinstance(cell, dt.datetime):
        milliseconds = ((cell - _EPOCH) // dt.timedelta(microseconds=1) + 500) // 1000
        return milliseconds * 1_000_000, False
    if isinstance(cell, dt.date):
        return (cell.toordinal() - _EPOCH.toordinal()) * _DAY, False
    if isinstance(cell, int | float) and cell == cell and cell == int(cell):
        cell = str(int(cell))
    text = cell.strip() if isinstance(cell, str) else ""
    if text.isascii() and text.isdecimal() and len(text) > 8:
        length = next(unit for end, unit in ((11, 10**9), (14, 10**6), (17, 1000), (99, 1)) if len(text) <= end)
        return int(text) * length, True
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day, *clock, offset = match.groups()
    try:
        days = dt.date(int(year), int(month), int(day)).toordinal() - _EPOCH.toordinal()
    except ValueError:
        return None
    of_day = _nanoseconds(*clock)
    if of_day is None or not 1678 <= int(year) < 2262:
        return None
    ahead = 0
    if offset is not None and offset not in ("Z", "UTC"):
        ahead = (int(offset[1:3]) * 60 + int(offset[-2:])) * (-60 if offset[0] == "-" else 60) * _SECOND
    return days * _DAY + of_day - ahead, offset is not None


def _of_day(cell: object) -> int | None:
    if isinstance(cell, dt.time):
        return ((cell.hour * 60 + cell.minute) * 60 + cell.second) * _SECOND + cell.microsecond * 1000
    match = _CLOCK.fullmatch(str(cell).strip())
    return None if match is None else _nanoseconds(*match.groups())


def _nanoseconds(hour: str | None, minute: str | None, second: str | None, fraction: str | None) -> int | None:
    h, m, s = (int(part or 0) for part in (hour, minute, second))
    if h > 23 or m > 59 or s > 59:
        return None
    return ((h * 60 + m) * 60 + s) * _SECOND + int((fraction or "0").ljust(9, "0"))


def _of_trades(events: EventBlock, interval: str) -> list[Bar]:
    """Return bars of `interval` from the trades of `events`, one after the other."""
    match = re.fullmatch(r"(\d+)([a-z]+)", interval)
    if match is None:
        raise SchemaError(f"bars of {interval!r}: not an interval")
    length = int(match[1]) * _SECONDS[match[2]] * _SECOND
    bars: list[list[float]] = []
    trade = EVENT_TYPES.index("trade")
    for time, kind, price, volume in zip(*(column.tolist() for column in events), strict=True):
        if kind != trade or time == NOT_A_TIME or not (price > 0.0 and math.isfinite(price)):
            continue
        label = time - time % length
        if not bars or label > bars[-1][0]:
            bars.append([label, price, price, price, price, volume])
        else:
            bar = bars[-1]
            bar[2:] = [max(bar[2], price), min(bar[3], price), price, bar[5] + volume]
    return [(int(label), o, h, low, c, float(v)) for label, o, h, low, c, v in bars]
