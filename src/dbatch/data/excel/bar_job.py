"""What the guarded child does with sheets of bars: their cells as text, with where each row stands, into one file.

The rules for bars are those of `dbatch.data.bar_clean`, for every source; here a cell only becomes the text that says
the same: a date its ISO form, to the nearest millisecond, a number the shortest decimal that is that number.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.data.bar_header import EXPECTED_BARS, BarColumns, find_bar_columns
from dbatch.data.cells import read_timestamp
from dbatch.data.excel.archive import check_part, check_spread, open_archive
from dbatch.data.excel.engines import calamine_rows, openpyxl_rows
from dbatch.data.excel.formulas import special_cells
from dbatch.data.excel.head import Sheet, first_rows, list_sheets
from dbatch.data.excel.layout import HEADER_SEARCH_ROWS, column_letters
from dbatch.data.names import shown
from dbatch.data.report import QualityReport
from dbatch.errors import SchemaError, WorkbookError

NAMES: Final = ("timestamp", "time", "open", "high", "low", "close", "volume", "adjusted")
"""The columns of the file that may be there, in the order of `BarColumns`; a last one, `place`, names the row."""


@dataclass(frozen=True)
class _Layout:
    sheet: Sheet
    header_row: int
    columns: tuple[tuple[str, int], ...]


def run_job(path: Path, job: Mapping[str, Any]) -> QualityReport:
    """Return how many rows the sheets of one security have, which are then in the job's target.

    Raises `WorkbookError` if the sheets cannot be read or have no bars.
    """
    columns: dict[str, list[str | None]] = {}
    places: list[str] = []
    with open_archive(path) as archive:
        sheets = {sheet.name: sheet for sheet in list_sheets(path, archive)}
        for name in job["sheets"]:
            if name not in sheets:
                raise WorkbookError(f"{path}: has no sheet '{shown(name)}'")
            _check(path, archive, sheets[name])
            layout = _layout(path, archive, sheets[name], job["header_row"])
            for number, cells in _rows(path, archive, layout, low_memory=job["low_memory"]):
                places.append(f"{shown(name)}!{number}")
                for (column, _), cell in zip(layout.columns, cells, strict=True):
                    columns.setdefault(column, []).append(_text(cell))
    if any(len(values) != len(places) for values in columns.values()):
        raise WorkbookError(
            f"{path}: the sheets of {shown(job['label'])} have not the same columns; give them one header"
        )
    if not places:
        raise WorkbookError(f"{path}: sheet '{shown(job['label'])}' has a header but no bars below it")
    table = pa.table({name: pa.array(values, pa.string()) for name, values in (columns | {"place": places}).items()})
    pq.write_table(table, job["target"], write_page_checksum=True)
    return QualityReport(job["security"], path.name, len(places), len(places))


def _check(path: Path, archive: zipfile.ZipFile, sheet: Sheet) -> None:
    for part in archive.namelist():
        if part == sheet.part or (part.endswith(".xml") and "/worksheets/" not in part):
            check_part(path, archive, part)
    check_spread(path, archive, sheet.part, sheet.name)


def _layout(path: Path, archive: zipfile.ZipFile, sheet: Sheet, header_row: int | None) -> _Layout:
    where = f"{path}: sheet '{shown(sheet.name)}'"
    for row in first_rows(path, archive, sheet, header_row or HEADER_SEARCH_ROWS):
        if not row.cells or (header_row is not None and row.number != header_row):
            continue
        header = [row.cells.get(column, "") for column in range(max(row.cells) + 1)]
        try:
            found = find_bar_columns(header)
        except SchemaError as error:
            raise WorkbookError(f"{where} row {row.number}: {error}") from error
        if found is not None and not found.panel:
            return _Layout(sheet, row.number, _named(found))
    raise WorkbookError(f"{where} has no header row with {EXPECTED_BARS} in its first {HEADER_SEARCH_ROWS} rows")


def _named(found: BarColumns) -> tuple[tuple[str, int], ...]:
    positions = astuple(found)[: len(NAMES)]
    return tuple((name, at) for name, at in zip(NAMES, positions, strict=True) if at is not None)


def _rows(
    path: Path, archive: zipfile.ZipFile, layout: _Layout, *, low_memory: bool
) -> Iterator[tuple[int, list[object]]]:
    letters = [column_letters(at) for _, at in layout.columns]
    special = special_cells(archive, layout.sheet.part, frozenset(letters), layout.header_row + 1)
    if special.uncalculated is not None:
        row, letter = special.uncalculated
        raise WorkbookError(
            f"{path}: {shown(layout.sheet.name)}!{letter}{row} is a formula without a value; "
            "open the workbook in Excel, let it calculate, and save it"
        )
    read = openpyxl_rows if low_memory else calamine_rows
    for number, cells in read(str(path), layout.sheet.name, layout.header_row, [at for _, at in layout.columns]):
        given = [special.errors.get((number, letter), cell) for letter, cell in zip(letters, cells, strict=True)]
        if not all(cell is None or cell == "" for cell in given):
            yield number, given


def _text(cell: object) -> str | None:
    """Return the text that says the same as `cell`; None for an empty one."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, dt.date):  # a datetime too
        moment, _ = read_timestamp(cell)
        return str(cell) if moment is None else str(np.datetime64(moment // 10**6, "ms"))
    if isinstance(cell, dt.time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell if isinstance(cell, str) else repr(cell)
