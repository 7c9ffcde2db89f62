"""The rules that turn one cell of a source into one value of an event.

Every reader returns the value (None if there is none) and the reason why the cell is not right (None if it
is).

- A date cell of Excel counts to the nearest millisecond, for Excel stores days as a float and 10:00:49 may
  come back as 10:00:48.9999996. Text is read to the last digit, in ISO format (2025-04-14 10:00:49.25) alone.
- Times are the exchange's clock. Text with an offset (+04:00, Z) keeps its clock reading and loses the
  offset.
- Text that is plainly a number is that number: " 16.24", "1e3"; "1,000" is not. A price is the float nearest to
  it, a volume is exact.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from typing import Final

from dbatch.schema import EVENT_TYPES

ISO_TIME: Final = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?"
OFFSET: Final = r"(?:Z|[+-]\d{2}:?\d{2})"
NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

_ISO_TIME_RE: Final = re.compile(rf"({ISO_TIME}){OFFSET}?", re.ASCII)
_NUMBER_RE: Final = re.compile(NUMBER, re.ASCII)
_EPOCH: Final = dt.datetime(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_MICROSECOND: Final = dt.timedelta(microseconds=1)

IntCell = tuple[int | None, str | None]
FloatCell = tuple[float | None, str | None]


def read_timestamp(cell: object) -> IntCell:
    """Return the time as nanoseconds since 1970-01-01 of the exchange's clock."""
    if isinstance(cell, dt.datetime):
        return _in_range(cell.replace(tzinfo=None), extra_ns=0, to_milliseconds=True)
    if isinstance(cell, dt.date):
        return _in_range(dt.datetime(cell.year, cell.month, cell.day), extra_ns=0)
    if _is_empty(cell):
        return None, "timestamp is empty"
    if isinstance(cell, dt.time | dt.timedelta):
        return None, "timestamp is a time of day without a date"
    if not isinstance(cell, str):
        return None, "timestamp is a number that is no date"
    match = _ISO_TIME_RE.fullmatch(cell.strip())
    if match is None:
        return None, "timestamp is not a date and time in ISO format"
    whole, _, fraction = match[1].partition(".")
    try:
        moment = dt.datetime.fromisoformat(whole)
    except ValueError:
        return None, "timestamp is not a date and time in ISO format"
    return _in_range(moment, extra_ns=int(fraction.ljust(9, "0")) if fraction else 0)


def read_type(cell: object) -> IntCell:
    """Return the position in `EVENT_TYPES`."""
    if _is_empty(cell):
        return None, "type is empty"
    text = cell.strip().lower() if isinstance(cell, str) else ""
    if text in EVENT_TYPES:
        return EVENT_TYPES.index(text), None
    return None, "type is not bid, ask or trade"


def read_price(cell: object) -> FloatCell:
    """Return the price; zero and negative prices are values like any other."""
    if _is_empty(cell):
        return None, "price is empty"
    number = _number(cell)
    if number is None:
        return None, "price is not a number"
    if not math.isfinite(number):
        return None, "price is not finite"
    return float(number), None


def read_volume(cell: object) -> IntCell:
    """Return the shares, a fraction cut off toward zero (and told)."""
    if _is_empty(cell):
        return None, "volume is empty"
    number = _exact(cell)
    if number is None:
        return None, "volume is not a number"
    if not math.isfinite(number):
        return None, "volume is not finite"
    if number < 0:
        return None, "volume is negative"
    if number >= 2**63:
        return None, "volume is beyond 64 bits"
    whole = int(number)
    return whole, None if whole == number else "volume has a fraction, which is cut off"


def _is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _exact(cell: object) -> float | int | Decimal | None:
    number = _number(cell)
    if isinstance(cell, str) and number is not None and 0.5 <= number <= 2.0**63:
        return Decimal(cell.strip())  # a float has 53 bits; below and beyond these bounds they are enough
    return number


def _number(cell: object) -> float | int | Decimal | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float | Decimal):
        return cell
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    if _NUMBER_RE.fullmatch(text) or text.lower().lstrip("+-") in ("inf", "infinity", "nan"):
        return float(text)
    return None


def _in_range(moment: dt.datetime, *, extra_ns: int, to_milliseconds: bool = False) -> IntCell:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None, f"timestamp is not within {_FIRST_YEAR} to {_LAST_YEAR}"
    microseconds = (moment - _EPOCH) // _MICROSECOND
    if to_milliseconds:
        microseconds = (microseconds + 500) // 1000 * 1000
    return microseconds * 1000 + extra_ns, None
