"""The rules that turn a source's times into the labels of bars.

- Text is a date, year first (2017-04-19, 2017.04.19, 2017/04/19, 20170419), with or without a time of day after a
  space or T (09:00, 09:00:30.25, 0900), with or without an offset (Z, UTC, +04:00). 04/05/2017 is refused: nobody can
  tell day from month.
- A whole number of eight digits is a date, a larger one counts seconds, milli-, micro- or nanoseconds since 1970, by
  its size.
- A time with an offset (or of a column with a zone) is an instant. Its label is the clock of the zone that was asked
  for, UTC where none was. A time without one stands as it is, whatever zone is asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.errors import SchemaError, UsageError

_OFFSET: Final = r"(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?"
_CLOCK: Final = r"(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
_DATE: Final = r"(?P<year>\d{4})[-./]?(?P<month>\d{2})[-./]?(?P<day>\d{2})"
_MOMENT: Final = rf"^\s*{_DATE}(?:[T ]\s*{_CLOCK}\s*{_OFFSET})?\s*$"
_TIME_OF_DAY: Final = rf"^\s*{_CLOCK}\s*{_OFFSET}\s*$"
_NOT_A_TIME: Final = "time is not a date (and time) with the year first, such as 2017-04-19 09:00"
_NOT_A_CLOCK: Final = "time of day is not such as 09:00 or 09:00:30"
_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND
_FIRST, _END = (int(np.datetime64(year, "ns").astype(np.int64)) for year in ("1678", "2262"))
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))
"""Whole numbers below the first count so many nanoseconds each: 10**11 s is the year 5138."""

Array = np.ndarray[Any, Any]
Complain = Callable[[Array, str], None]
"""Told which rows (numbers from 0) cannot be read, and why."""


def labels_of(times: pa.Array, clocks: pa.Array | None, zone: str, complain: Complain) -> tuple[Array, Array]:
    """Return the labels of bars, int64 nanoseconds since 1970, and a mask of the rows that have one.

    `times` are texts, times, dates or whole numbers, `clocks` the times of day beside dates (None: there are none).
    Raises SchemaError where some rows have an offset and others none, or for a column of another kind, UsageError for a
    zone that does not exist.
    """
    moments, is_right, is_instant = _moments(times)
    complain(np.flatnonzero(~is_right), _NOT_A_TIME)
    if clocks is not None:
        of_day, is_clock, clock_instant = _clocks(clocks)
        complain(np.flatnonzero(is_right & ~is_clock), _NOT_A_CLOCK)
        moments, is_right, is_instant = moments + of_day, is_right & is_clock, is_instant | clock_instant
    instants = int(np.count_nonzero(is_instant & is_right))
    if 0 < instants < int(np.count_nonzero(is_right)):
        raise SchemaError("some times have an offset (+04:00) and others none; write all of them in one way")
    is_right &= (moments >= _FIRST) & (moments < _END)
    if instants and zone and zone != "UTC":
        moments = _clock_of(np.where(is_right, moments, 0), zone)
    return moments, is_right


def check_zone(zone: str) -> str:
    """Return `zone`. Raises UsageError for one that does not exist."""
    _clock_of(np.zeros(1, np.int64), zone)
    return zone


def _clock_of(instants: Array, zone: str) -> Array:
    try:
        local = pc.local_timestamp(pa.array(instants, pa.int64()).cast(pa.timestamp("ns", tz=zone)))
    except pa.ArrowInvalid as error:
        raise UsageError(f"zone {zone!r}: there is none of that name; one is such as America/New_York") from error
    return np.array(local.cast(pa.int64()))


def _moments(column: pa.Array) -> tuple[Array, Array, Array]:
    """Return nanoseconds since 1970, whether the row has a time, and whether it is an instant rather than a clock's."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        plain = column.cast(pa.timestamp("us") if pa.types.is_date(kind) else pa.timestamp(kind.unit))
        values, is_right = _filled(_finest(plain))
        return values, is_right, np.full(len(values), getattr(kind, "tz", None) is not None)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _counted(column)
    if pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    if not pa.types.is_string(column.type):
        raise SchemaError(f"the times are {kind}, must be text, dates, times or whole numbers")
    is_number = np.array(pc.fill_null(pc.match_substring_regex(column, r"^\s*\d{9,}\s*$"), False))
    if is_number.any() and is_number.all():
        return _counted(pc.utf8_trim_whitespace(column).cast(pa.int64()))
    return _written(column)


def _finest(column: pa.Array) -> pa.Array:
    try:
        return column.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:  # outside the years that 64 bits hold: these rows have no time
        years = pc.year(column)
        fits = pc.and_(pc.greater_equal(years, 1678), pc.less(years, 2262))
        return pc.if_else(fits, column, None).cast(pa.timestamp("ns"))


def _counted(column: pa.Array) -> tuple[Array, Array, Array]:
    numbers, is_right = _filled(column.cast(pa.float64(), safe=False), float)
    is_right &= np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2.0**63)
    whole = np.where(is_right, numbers, 0.0).astype(np.int64)
    if pa.types.is_integer(column.type):
        whole = np.where(is_right, _filled(column.cast(pa.int64()))[0], 0)
    is_date = (whole >= 10_000_101) & (whole < 100_000_000)
    moments = np.zeros(len(whole), np.int64)
    low = 0
    for end, unit in _UNITS:
        here = is_right & ~is_date & (np.abs(whole) >= low) & (np.abs(whole) < end)
        moments[here] = whole[here] * unit
        low = end
    if is_date.any():
        dates, is_one, _ = _written(pa.array(whole[is_date], pa.int64()).cast(pa.string()))
        moments[is_date] = dates
        is_right[is_date] &= is_one
    return moments, is_right, ~is_date


def _written(column: pa.Array) -> tuple[Array, Array, Array]:
    parts = pc.extract_regex(column, _MOMENT)
    is_right = np.array(parts.is_valid())
    iso = pc.binary_join_element_wise(*(_part(parts, name) for name in ("year", "month", "day")), "-")
    iso = pc.if_else(pa.array(is_right), iso, None)
    days, is_day = _filled(_dates(iso))
    of_day, is_clock = _of_day(parts)
    shift, has_offset = _offsets(_part(parts, "offset"))
    is_right &= is_day & is_clock
    return days + of_day - shift, is_right, has_offset & is_right


def _dates(iso: pa.Array) -> pa.Array:
    try:
        return iso.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:  # a date that no calendar has, among others
        return pa.array([_date(text) for text in iso.to_pylist()], pa.timestamp("ns"))


def _date(text: str | None) -> dt.datetime | None:
    try:
        day = None if text is None else dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return day if day is not None and 1678 <= day.year < 2262 else None


def _clocks(column: pa.Array) -> tuple[Array, Array, Array]:
    if pa.types.is_time(column.type):
        unit = {"s": _SECOND, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
        whole = column.cast(pa.int32()) if pa.types.is_time32(column.type) else column
        values, is_right = _filled(whole.cast(pa.int64()))
        return values * unit, is_right, np.zeros(len(values), bool)
    if pa.types.is_integer(column.type):  # 900 is nine o'clock, 93000 half past
        digits = 6 if (pc.max(column).as_py() or 0) >= 2400 else 4
        column = pc.utf8_lpad(column.cast(pa.string()), digits, "0")
    parts = pc.extract_regex(column.cast(pa.string()), _TIME_OF_DAY)
    of_day, is_clock = _of_day(parts)
    shift, has_offset = _offsets(_part(parts, "offset"))
    is_right = np.array(parts.is_valid()) & is_clock
    return of_day - shift, is_right, has_offset & is_right


def _of_day(parts: pa.StructArray) -> tuple[Array, Array]:
    """Return the nanoseconds since midnight, 0 where no time of day is written, and whether there are such."""
    hours, minutes, seconds = (_number(parts, name) for name in ("hour", "minute", "second"))
    fraction = _number(parts, "fraction", lambda text: pc.utf8_rpad(text, 9, "0"))
    is_clock = (hours < 24) & (minutes < 60) & (seconds < 60)
    return (hours * 3600 + minutes * 60 + seconds) * _SECOND + fraction, is_clock


def _offsets(offsets: pa.Array) -> tuple[Array, Array]:
    """Return what each offset is ahead of UTC in nanoseconds, and whether there is one."""
    encoded = offsets.dictionary_encode()
    ahead = np.array([_ahead(text) for text in encoded.dictionary.to_pylist()] or [0], np.int64)
    has_offset = np.array(pc.not_equal(offsets, ""))
    return ahead[np.array(encoded.indices)], has_offset


def _ahead(text: str) -> int:
    if text in ("", "Z", "UTC"):
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return (-minutes if text[0] == "-" else minutes) * 60 * _SECOND


def _part(parts: pa.StructArray, name: str) -> pa.Array:
    return pc.fill_null(pc.struct_field(parts, [parts.type.get_field_index(name)]), "")


def _number(parts: pa.StructArray, name: str, padded: Callable[[pa.Array], pa.Array] = lambda text: text) -> Array:
    text = _part(parts, name)
    return np.array(padded(pc.if_else(pc.equal(text, ""), "0", text)).cast(pa.int64()))


def _filled(column: pa.Array, kind: type = int) -> tuple[Array, Array]:
    is_right = np.array(column.is_valid())
    raw = column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return np.array(raw.fill_null(kind(0))), is_right
