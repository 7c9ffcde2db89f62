"""The day numbers behind the dates of a sheet, for the millisecond that is nearest to each.

Spreadsheet engines give dates as they round them: one multiplies the whole day number in floats, so that half a
millisecond more or less a hair goes the wrong way, another rounds halves to even. The XML has the number itself.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from array import array
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK_BYTES: Final = 1 << 20
_MAX_ROWS: Final = 1 << 20
_DAY_MS: Final = 86_400_000
_SECOND: Final = pa.timestamp("s")
_MILLISECOND: Final = pa.timestamp("ms")
_ENDS: Final = (b"</c>", b":c>", b"<row ", b":row ")  # before each of these the cells are whole


class DayNumbers:
    """The numbers in one column of a sheet, from `first_row` on; the XML is read when the first is asked for.

    Dates that all fall on whole seconds are taken as they are: they were made to the second, and to look at each
    again takes as long as to read the sheet.
    """

    def __init__(self, archive: zipfile.ZipFile, part: str, letters: str, first_row: int) -> None:
        self._archive = archive
        self._part = part
        self._letters = letters
        self._first_row = first_row
        self._known: np.ndarray[Any, Any] | None = None

    def nearest(self, dates: pa.Array, rows: np.ndarray[Any, Any]) -> pa.Array:
        """Return `dates` (timestamps, null where a cell is none), which stand in `rows`, to the nearest millisecond.

        What the XML gives no number for stays as it is.
        """
        if pc.all(pc.equal(dates.cast(_SECOND, safe=False).cast(dates.type), dates), min_count=0).as_py():
            return dates
        shown = dates.cast(_MILLISECOND, safe=False)
        numbers = self._numbers(rows)
        step = _of_day(numbers) - shown.cast(pa.int64()).fill_null(0).to_numpy()
        step = (step + 1) % _DAY_MS - 1  # of the clock alone: the calendars have different first days
        is_rounding = np.isfinite(numbers) & (np.abs(step) <= 1)
        moved = pa.array(np.where(is_rounding, step, 0)).cast(pa.duration("ms"))
        return pc.if_else(pa.array(is_rounding), pc.add(shown, moved).cast(dates.type), dates)

    def nearest_cells(self, cells: list[object], rows: list[int]) -> list[object]:
        """Return `cells`, the dates among them as `nearest` gives them."""
        dates = pa.array([cell if type(cell) is dt.datetime else None for cell in cells], pa.timestamp("us"))
        exact = self.nearest(dates, np.array(rows))
        if exact is dates:
            return cells
        return [cell if date is None else date for cell, date in zip(cells, exact.to_pylist(), strict=True)]

    def _numbers(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the number in each of `rows`, NaN where there is none."""
        if self._known is None:
            self._known = np.array(_read(self._archive, self._part, self._letters, self._first_row))
        at = rows - self._first_row
        is_known = at < len(self._known)
        numbers = np.full(len(rows), math.nan)
        numbers[is_known] = self._known[at[is_known]]
        return numbers


def _of_day(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the millisecond of the day nearest to each day number, halves upward, in whole numbers alone.

    Exact from day 64 on, whose fractions have 46 bits at most: 2**46 of them a day, 86,400,000 = 84,375 * 2**10.
    """
    fractions = np.where(np.isfinite(numbers), numbers - np.floor(numbers), 0.0)
    return ((fractions * 2.0**46).astype(np.int64) * 84_375 + 2**35) >> 36


def _read(archive: zipfile.ZipFile, part: str, letters: str, first_row: int) -> array[float]:
    """Return the numbers stored in the column `letters`, by row from `first_row` on, NaN where there is none."""
    cell = re.compile(  # without possessive quantifiers: Python up to 3.11.4, Debian's among them, goes wrong with them
        rb' r="' + letters.encode() + rb'(\d{1,7})"[^>]*>\s*'
        rb"(?:<(?:\w+:)?f\b[^>]*(?:(?<=/)>|(?<!/)>[^<]*</(?:\w+:)?f>)\s*)?"
        rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]+)<"
    )
    numbers = array("d")
    tail = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK_BYTES):
            text = tail + block
            end = max(0, *map(text.rfind, _ENDS))
            for row, value in cell.findall(text, 0, end):
                at = int(row) - first_row
                if 0 <= at < _MAX_ROWS:
                    numbers.extend([math.nan] * (at + 1 - len(numbers)))
                    numbers[at] = _number(value)
            tail = text[end:]
    return numbers


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
