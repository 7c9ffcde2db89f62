"""Whether cells that an engine gives as null are empty: errors and formulas without a value are null as well."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Final

_BLOCK_BYTES: Final = 1 << 20
_ROW: Final = re.compile(rb'<(?:\w+:)?row\b(?:[^>]*?\sr="(\d{1,7})")?[^>]*>')
_ROW_END: Final = re.compile(rb"</(?:\w+:)?row\s*>")
_CELL: Final = re.compile(rb"<(?:\w+:)?c(?=[\s/>])([^>]*)>(\s*</(?:\w+:)?c\s*>)?")
_REF: Final = re.compile(rb'\sr="([A-Z]{1,3})\d{1,7}"')
_ENDS: Final = (b"</row>", b":row>")


def are_empty(archive: zipfile.ZipFile, part: str, first_row: int, gaps: bytes, letters: Mapping[bytes, int]) -> bool:
    """Return whether nothing is in the cells that `gaps` names, by the XML of the sheet, read in one stream.

    `gaps` has a byte for each row from `first_row` on, with a bit set for each such cell; `letters` gives the bit of
    each column. False also where the XML does not say plainly which row or cell is which.
    """
    for text in _whole_rows(archive, part):
        for row in _ROW.finditer(text):
            if row[1] is None:
                return False
            at = int(row[1]) - first_row
            if 0 <= at < len(gaps) and gaps[at] and not _is_empty(text, row, gaps[at], letters):
                return False
    return True


def _whole_rows(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    tail = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK_BYTES):
            text = tail + block
            end = max(text.rfind(b"<row "), *(text.rfind(tag) + len(tag) if tag in text else 0 for tag in _ENDS))
            yield text[:end]
            tail = text[end:]
    yield tail


def _is_empty(text: bytes, row: re.Match[bytes], wanted: int, letters: Mapping[bytes, int]) -> bool:
    if row[0].endswith(b"/>"):
        return True
    closed = _ROW_END.search(text, row.end())
    if closed is None:
        return False
    for cell in _CELL.finditer(text, row.end(), closed.start()):
        ref = _REF.search(cell[1])
        if ref is None:
            return False
        if letters.get(ref[1], 0) & wanted and not (cell[1].endswith(b"/") or cell[2]):
            return False
    return True
