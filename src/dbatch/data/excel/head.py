"""The list of sheets and the first rows of a sheet, straight from a workbook's XML."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from dbatch.data.excel.archive import limited
from dbatch.errors import WorkbookError

_HEAD_BYTES: Final = 8 << 20
_SHARED_BYTES: Final = 64 << 20
_REF: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_WORKSHEET: Final = "/worksheet"


@dataclass(frozen=True)
class Sheet:
    """One worksheet: its name in the workbook and its part in the zip."""

    name: str
    part: str


@dataclass(frozen=True)
class Row:
    """One row that has cells: its number from 1, and text by column from 0 (a number as it is written)."""

    number: int
    cells: dict[int, str]


def list_sheets(path: Path, archive: zipfile.ZipFile) -> list[Sheet]:
    """Return the worksheets in the workbook's order, hidden ones too; sheets of charts have no cells."""
    workbook = _workbook_part(path, archive)
    folder = posixpath.dirname(workbook)
    targets = {
        element.get("Id", ""): posixpath.normpath(posixpath.join("/" + folder, element.get("Target", ""))).lstrip("/")
        for element in _elements(path, archive, f"{folder}/_rels/{posixpath.basename(workbook)}.rels", _HEAD_BYTES)
        if element.get("Type", "").endswith(_WORKSHEET)
    }
    sheets = []
    for element in _elements(path, archive, workbook, _HEAD_BYTES):
        if _local(element.tag) != "sheet":
            continue
        relation = next((value for key, value in element.attrib.items() if _local(key) == "id"), "")
        part = targets.get(relation)
        if part is not None and part in archive.NameToInfo:
            sheets.append(Sheet(element.get("name", ""), part))
    return sheets


def first_rows(path: Path, archive: zipfile.ZipFile, sheet: Sheet, count: int) -> list[Row]:
    """Return the rows numbered up to `count` that have cells, with shared strings looked up."""
    rows: list[Row] = []
    shared: list[tuple[int, int, int]] = []
    number = 0
    for element in _elements(path, archive, sheet.part, _HEAD_BYTES):
        if _local(element.tag) != "row":
            continue
        number = _row_number(element.get("r"), number + 1)
        if number > count:
            break
        cells: dict[int, str] = {}
        for position, cell in enumerate(child for child in element if _local(child.tag) == "c"):
            match = _REF.fullmatch(cell.get("r", ""))
            column = _column(match[1]) if match else position
            text = "".join(part.text or "" for part in cell.iter() if _local(part.tag) in ("v", "t"))
            if cell.get("t") == "s" and text.isdigit():
                shared.append((len(rows), column, int(text)))
            cells[column] = text
        rows.append(Row(number, cells))
        element.clear()
    strings = _shared_strings(path, archive, {index for _, _, index in shared})
    for row, column, index in shared:
        rows[row].cells[column] = strings.get(index, "")
    return rows


def _shared_strings(path: Path, archive: zipfile.ZipFile, wanted: set[int]) -> dict[int, str]:
    part = next((name for name in archive.NameToInfo if name.lower() == "xl/sharedstrings.xml"), None)
    found: dict[int, str] = {}
    if part is None or not wanted:
        return found
    index = 0
    for element in _elements(path, archive, part, _SHARED_BYTES):
        if _local(element.tag) != "si":
            continue
        if index in wanted:
            found[index] = "".join(text.text or "" for text in element.iter() if _local(text.tag) == "t")
            if len(found) == len(wanted):
                break
        index += 1
        element.clear()
    return found


def _workbook_part(path: Path, archive: zipfile.ZipFile) -> str:
    if "_rels/.rels" in archive.NameToInfo:
        for element in _elements(path, archive, "_rels/.rels", _HEAD_BYTES):
            if element.get("Type", "").endswith("/officeDocument"):
                part = str(posixpath.normpath(element.get("Target", ""))).lstrip("/")
                if part in archive.NameToInfo:
                    return part
    if "xl/workbook.xml" in archive.NameToInfo:
        return "xl/workbook.xml"
    raise WorkbookError(f"{path}: is a zip but no workbook; save it as .xlsx")


def _elements(path: Path, archive: zipfile.ZipFile, part: str, limit: int) -> Iterator[Any]:
    """Yield the elements of an XML part as each ends; at most `limit` bytes are read."""
    if part not in archive.NameToInfo:
        raise WorkbookError(f"{path}: part {part} is missing; save the workbook again in Excel")
    try:
        with archive.open(part) as file:
            yield from _parsed(file, limit, f"{path}: part {part}")
    except DefusedXmlException as error:
        raise WorkbookError(
            f"{path}: part {part} declares a DTD or entities, which no workbook needs; refused"
        ) from error
    except (ParseError, LookupError, ValueError) as error:
        raise WorkbookError(f"{path}: part {part} is damaged ({error}); save the workbook again in Excel") from error


def _parsed(file: IO[bytes], limit: int, what: str) -> Iterator[Any]:
    for _, element in iterparse(limited(file, limit, what), events=("end",), forbid_dtd=True):
        yield element


def _row_number(text: str | None, expected: int) -> int:
    return int(text) if text is not None and text.isdecimal() else expected


def _local(tag: str) -> str:
    return str(tag).rpartition("}")[2]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
