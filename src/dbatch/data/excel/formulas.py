"""What spreadsheet engines cannot tell from an empty cell: formulas never calculated, and errors."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import Final

_BLOCK_BYTES: Final = 1 << 20
_MAX_ERRORS: Final = 100_000
_CELL: Final = re.compile(rb"<(?:\w+:)?c\b([^>]*[^/>])>(.*?)</(?:\w+:)?c>", re.DOTALL)
_CELL_ENDS: Final = (b"</c>", b":c>")
_REF: Final = re.compile(rb"\br=\"([A-Z]{1,3})(\d{1,7})\"")
_HAS_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_VALUE: Final = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)<")
_EMPTY_VALUE: Final = re.compile(rb"<(?:\w+:)?v\s*/>")


@dataclass(frozen=True)
class SpecialCells:
    """Cells by (row from 1, column letters): the first formula without a value, and the texts of errors."""

    uncalculated: tuple[int, str] | None
    errors: dict[tuple[int, str], str]


def special_cells(archive: zipfile.ZipFile, part: str, letters: frozenset[str], first_row: int) -> SpecialCells:
    """Return the special cells of a sheet in the columns `letters`, from `first_row` on, in one stream.

    Looking ends at the first uncalculated formula, and no more than 100,000 error texts are kept.
    """
    errors: dict[tuple[int, str], str] = {}
    tail = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK_BYTES):
            text = tail + block
            end = max(text.rfind(tag) + len(tag) if tag in text else 0 for tag in _CELL_ENDS)
            if (_HAS_FORMULA.search(text, 0, end) or b't="e"' in text[:end]) and (
                found := _scan(text[:end], letters, first_row, errors)
            ):
                return SpecialCells(found, errors)
            tail = text[end:]
    return SpecialCells(None, errors)


def _scan(
    text: bytes, letters: frozenset[str], first_row: int, errors: dict[tuple[int, str], str]
) -> tuple[int, str] | None:
    for cell in _CELL.finditer(text):
        attributes, content = cell[1], cell[2]
        is_error = b't="e"' in attributes
        if not is_error and not _HAS_FORMULA.search(content):
            continue
        ref = _REF.search(attributes)
        if ref is None or int(ref[2]) < first_row or ref[1].decode() not in letters:
            continue
        where = (int(ref[2]), ref[1].decode())
        value = _VALUE.search(content)
        if is_error and value is not None:
            if len(errors) < _MAX_ERRORS:
                errors[where] = value[1].decode("utf-8", "replace")
        elif (value is None or not value[1]) and not (
            b't="str"' in attributes and (value or _EMPTY_VALUE.search(content))
        ):
            return where
    return None
