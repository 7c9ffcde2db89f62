"""What the parts of a workbook say, straight from their XML (ECMA-376, part 1, chapter 18)."""

from __future__ import annotations

import datetime as dt
import math
import posixpath
import re
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from typing import IO, Any, Final

from defusedxml.ElementTree import iterparse, parse

FORMULA_WITHOUT_VALUE: Final = object()

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NOT_SHOWN = re.compile(r'"[^"]*"?|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"\[[^\]]*\]")
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # formats with fixed numbers (18.8.30)
_ELAPSED_HOURS = 46
_END_OF_DATES = 2_958_466  # the day after 9999-12-31, the last that Excel knows
_MILLISECONDS_A_DAY = 86_400_000


class Workbook:
    """A workbook whose sheets can be read once each, from top to bottom."""

    def __init__(self, file: IO[bytes]) -> None:
        self._archive = zipfile.ZipFile(file)
        (main,) = self._related("", "officeDocument").values()
        sheets = self._related(main, "worksheet")
        book = self._xml(main)
        self._sheets = {sheet.get("name"): sheets.get(_attribute(sheet, "id") or "") for sheet in _all(book, "sheet")}
        properties = _all(book, "workbookPr")
        self._since_1904 = any(found.get("date1904") in ("1", "true") for found in properties)
        self._texts = [
            _text(item)
            for part in self._related(main, "sharedStrings").values()
            for item in _all(self._xml(part), "si")
        ]
        self._styles = [style for part in self._related(main, "styles").values() for style in _styles(self._xml(part))]

    def rows(self, sheet: str) -> Iterator[tuple[int, dict[int, object]]]:
        """Yield the number of each row of `sheet` that is there, from 1, and its cells by column, from 1.

        A cell is a float, a text, a bool, a datetime, a timedelta (a time without a date) or
        `FORMULA_WITHOUT_VALUE`; an empty one is left out. Raises KeyError for a sheet that is not there.
        """
        part = self._sheets[sheet]
        if part is None:
            raise KeyError(sheet)
        number = 0
        with self._archive.open(part) as file:
            for _event, element in iterparse(file):
                if _name(element) == "row":
                    number = int(element.get("r") or number + 1)
                    yield number, self._cells(element)
                    element.clear()

    def _cells(self, row: Any) -> dict[int, object]:
        cells, column = {}, 0
        for cell in row:
            place = cell.get("r")
            column = _column(place) if place else column + 1
            value = self._value(cell)
            if value is not None:
                cells[column] = value
        return cells

    def _value(self, cell: Any) -> object:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join(map(_text, _children(cell, "is")))
        stored = _child_text(cell, "v")
        if stored is None or (stored == "" and kind != "str"):
            return FORMULA_WITHOUT_VALUE if _children(cell, "f") else None
        if kind == "s":
            return self._texts[int(stored)]
        if kind == "b":
            return stored.strip() not in ("0", "false")
        if kind == "d":
            return _date(stored)
        if kind != "n":
            return _unescaped(stored)  # the text of a formula, or an error
        style = self._styles[int(cell.get("s", 0))] if self._styles else None
        try:
            return _number(float(stored), style, self._since_1904)
        except (ValueError, OverflowError):
            return stored

    def _xml(self, part: str) -> Any:
        with self._archive.open(part) as file:
            return parse(file).getroot()

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """Return the parts of `kind` that `part` names, by the names that it gives them."""
        folder, name = posixpath.split(part)
        relations = self._xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        return {
            relation.get("Id"): posixpath.normpath(posixpath.join("/", folder, relation.get("Target"))).lstrip("/")
            for relation in _all(relations, "Relationship")
            if relation.get("Type").endswith(f"/{kind}")
        }


def _number(number: float, style: str | None, since_1904: bool) -> object:
    """Return a number as its style shows it: a date to the nearest millisecond, a time, or the number."""
    if style is None:
        return number
    if not 0 <= number < _END_OF_DATES:
        return "#NUM!"
    elapsed = dt.timedelta(milliseconds=math.floor(Fraction(number) * _MILLISECONDS_A_DAY + Fraction(1, 2)))
    if style == "time" or number < 1:
        return elapsed
    if since_1904:
        return dt.datetime(1904, 1, 1) + elapsed
    # Excel counts a 29 February 1900 that never was: serial 60.
    return dt.datetime(1899, 12, 31 if number < 60 else 30) + elapsed


def _date(text: str) -> object:
    """Return the time that a cell of ISO text holds to the nearest millisecond, or the text where it is none."""
    try:
        moment = dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text
    return moment.replace(microsecond=0) + dt.timedelta(milliseconds=(moment.microsecond + 500) // 1_000)


def _styles(styles: Any) -> list[str | None]:
    """Return for each style of a cell whether its numbers are a "date", a "time" or neither."""
    codes = {found.get("numFmtId"): found.get("formatCode", "") for found in _all(styles, "numFmt")}
    formats = [style.get("numFmtId", "0") for group in _all(styles, "cellXfs") for style in group]
    return [_meaning(codes[number]) if number in codes else _fixed_meaning(int(number)) for number in formats]


def _fixed_meaning(number: int) -> str | None:
    if number == _ELAPSED_HOURS:
        return "time"
    return "date" if number in _DATES else None


def _meaning(code: str) -> str | None:
    """Return what a number format makes of a number.

    >>> _meaning("dd/mm/yyyy"), _meaning("[h]:mm"), _meaning('[Red]0.00" days"')
    ('date', 'time', None)
    """
    first = _NOT_SHOWN.sub("", code).split(";")[0]
    if _ELAPSED.search(first):
        return "time"
    shown = _IN_BRACKETS.sub("", first).lower()
    return "date" if set("dmhys") & set(shown) or "a/p" in shown else None


def _column(place: str) -> int:
    """Return the number of the column of a cell such as `AB12`, from 1.

    >>> _column("A1"), _column("AB12")
    (1, 28)
    """
    number = 0
    for letter in place.rstrip("0123456789"):
        number = number * 26 + ord(letter.upper()) - ord("A") + 1
    return number


def _text(item: Any) -> str:
    """Return the text of an item, of all its runs, without the phonetic ones."""
    runs = [item, *_children(item, "r")]
    return _unescaped("".join(text.text or "" for run in runs for text in _children(run, "t")))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Any, name: str) -> list[Any]:
    return [child for child in element if _name(child) == name]


def _all(element: Any, name: str) -> list[Any]:
    return [found for found in element.iter() if _name(found) == name]


def _child_text(element: Any, name: str) -> str | None:
    found = _children(element, name)
    return (found[0].text or "") if found else None


def _attribute(element: Any, name: str) -> str | None:
    """Return an attribute that has a namespace, by its name alone."""
    return next((value for key, value in element.items() if key.endswith("}" + name)), None)
