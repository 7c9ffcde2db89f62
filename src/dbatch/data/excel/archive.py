"""A cheap look at a workbook's zip before any reader opens it: what it is, how large, how hostile."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from dbatch.errors import DataNotFoundError, WorkbookError

MAX_INFLATED_BYTES: Final = 2 << 30
MAX_RATIO: Final = 200
RATIO_FROM_BYTES: Final = 1 << 20
MAX_PARTS: Final = 10_000

_FULL_SCAN_BYTES: Final = 1 << 20
_PROLOG_BYTES: Final = 64 << 10
_MAX_DENSE_CELLS: Final = 50_000_000
_MAX_DENSE_PER_CELL: Final = 20
_BYTES_PER_CELL: Final = 10  # no cell with a value is written in fewer

_CELL_REF: Final = re.compile(rb"<(?:\w+:)?c\b[^>]*?\br=\"([A-Z]{1,3})(\d{1,7})\"")
_DIMENSION: Final = re.compile(rb"<(?:\w+:)?dimension\b[^>]*?\bref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_ROOT_ELEMENT: Final = re.compile(rb"<[A-Za-z_]")
_ASIDE: Final = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)  # may hold what looks like the root
_OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Yield the workbook's zip once its directory looks sound.

    Raises `DataNotFoundError` for a missing file, `WorkbookError` for anything that is not an .xlsx, is
    damaged or would inflate beyond the limits.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive)
            yield archive
    except zipfile.BadZipFile as error:
        raise WorkbookError(f"{path}: {_what_it_is(path)}") from error
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: no such file") from error
    except OSError as error:
        raise DataNotFoundError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (zlib.error, EOFError, NotImplementedError) as error:
        raise WorkbookError(
            f"{path}: is damaged ({str(error) or 'it ends too early'}); save it again in Excel"
        ) from error


def check_part(path: Path, archive: zipfile.ZipFile, part: str) -> None:
    """Raise `WorkbookError` if an XML part declares a DTD, which no workbook has and entity bombs need."""
    with archive.open(part) as file:
        head = file.read(_PROLOG_BYTES)
    if b"\0" in head[:4]:
        raise WorkbookError(f"{path}: part {part} is not UTF-8 XML; save the workbook again in Excel")
    bare = _ASIDE.sub(b"", head)
    root = _ROOT_ELEMENT.search(bare)
    prolog = bare[: root.start()] if root else bare
    if b"<!" in prolog or (root is None and len(head) == _PROLOG_BYTES):
        raise WorkbookError(f"{path}: part {part} declares a DTD or entities, which no workbook needs; refused")


def check_spread(path: Path, archive: zipfile.ZipFile, part: str, sheet: str) -> None:
    """Raise `WorkbookError` if a sheet's few cells span an area that no reader can hold."""
    size = archive.getinfo(part).file_size
    with archive.open(part) as file:
        content = file.read(_FULL_SCAN_BYTES if size <= _FULL_SCAN_BYTES else _PROLOG_BYTES)
    if size <= _FULL_SCAN_BYTES:
        corners = {(_column(letters), int(row)) for letters, row in _CELL_REF.findall(content)}
        cells = len(corners)
    else:
        declared = _DIMENSION.search(content)
        corners = (
            {(_column(declared[1]), int(declared[2])), (_column(declared[3]), int(declared[4]))} if declared else set()
        )
        cells = size // _BYTES_PER_CELL
    if not corners:
        return
    columns, rows = [column for column, _ in corners], [row for _, row in corners]
    dense = (max(columns) - min(columns) + 1) * (max(rows) - min(rows) + 1)
    if dense > _MAX_DENSE_CELLS and dense > _MAX_DENSE_PER_CELL * cells:
        raise WorkbookError(
            f"{path}: sheet '{sheet}' spans {dense:,} cells but holds about {cells:,}; "
            "delete the stray cells far right or far down"
        )


def limited(file: IO[bytes], limit: int, what: str) -> _Limited:
    """Return a reader of `file` that raises `WorkbookError` past `limit` bytes."""
    return _Limited(file, limit, what)


class _Limited:
    def __init__(self, file: IO[bytes], limit: int, what: str) -> None:
        self._file = file
        self._left = limit
        self._what = what

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise WorkbookError(f"{self._what} is larger than any workbook needs; save the workbook again in Excel")
        return data


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _check_sizes(path: Path, archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise WorkbookError(f"{path}: has {len(parts):,} parts, more than {MAX_PARTS:,}; refused")
    total = sum(part.file_size for part in parts)
    if total > MAX_INFLATED_BYTES:
        raise WorkbookError(
            f"{path}: inflates to {total:,} bytes, more than {MAX_INFLATED_BYTES:,}; split the workbook"
        )
    for part in parts:
        if part.flag_bits & 1:
            raise WorkbookError(f"{path}: is password protected; save a copy without a password")
        if part.file_size > max(RATIO_FROM_BYTES, MAX_RATIO * part.compress_size):
            raise WorkbookError(
                f"{path}: part {part.filename} inflates more than {MAX_RATIO} times, like a zip bomb; refused"
            )
    names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names:
        raise WorkbookError(f"{path}: is a zip but no workbook; save it as .xlsx")
    if "xl/workbook.bin" in names:
        raise WorkbookError(f"{path}: is a binary workbook (.xlsb); save it as .xlsx")


def _what_it_is(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(8192)
        if not head:
            return "is empty (0 bytes); export it again"
        if head.startswith(_OLE_MAGIC):
            rest = file.read(64 << 20)
            if "EncryptedPackage".encode("utf-16-le") in head + rest:
                return "is password protected; save a copy without a password"
            return "is an old .xls workbook; save it as .xlsx"
    if head.startswith(b"PK"):
        return "is truncated or damaged; export or copy it again"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<table")) or b"<html" in text:
        return "is HTML, not a workbook; open it in Excel and save it as .xlsx"
    if text.startswith(b"<?xml"):
        return "is XML, not a workbook; open it in Excel and save it as .xlsx"
    if b"\0" not in head:
        return "is text, not a workbook; if it is a CSV give it the ending .csv"
    return "is not a workbook; save it as .xlsx"
