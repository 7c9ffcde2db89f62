"""The events of one security's sheets, as canonical batches in source order."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastexcel
import numpy as np
import pyarrow as pa

from dbatch.data.coerce import coerce_cells, coerce_columns
from dbatch.data.events import ROW_GROUP_ROWS
from dbatch.data.excel.archive import check_part, check_spread, open_archive
from dbatch.data.excel.daynumbers import DayNumbers
from dbatch.data.excel.engines import Cells, iter_calamine, iter_openpyxl, read_columns
from dbatch.data.excel.formulas import SpecialCells, special_cells
from dbatch.data.excel.gaps import are_empty
from dbatch.data.excel.head import Sheet, list_sheets
from dbatch.data.excel.layout import SheetLayout, find_layout
from dbatch.data.faults import Faults
from dbatch.data.names import shown
from dbatch.errors import WorkbookError


class SheetReader:
    """Reads the sheets of one security; then `blank_rows` and `faults` tell what was left out or null."""

    def __init__(self, path: Path, *, header_row: int | None, low_memory: bool) -> None:
        self._path = path
        self._header_row = header_row
        self._low_memory = low_memory
        self.blank_rows = 0
        self.faults = Faults()

    def batches(self, names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
        """Yield the events of the sheets `names`, one after the other.

        Raises `WorkbookError` for a sheet without a header or events, and for a formula without a value.
        """
        with open_archive(self._path) as archive:
            sheets = {sheet.name: sheet for sheet in list_sheets(self._path, archive)}
            for name in names:
                if name not in sheets:
                    raise WorkbookError(f"{self._path}: has no sheet '{shown(name)}'")
                self._check(archive, sheets[name])
                layout = find_layout(self._path, archive, sheets[name], self._header_row)
                yield from self._sheet(archive, layout)

    def _check(self, archive: zipfile.ZipFile, sheet: Sheet) -> None:
        for part in archive.namelist():
            if part == sheet.part or (part.endswith(".xml") and "/worksheets/" not in part):
                check_part(self._path, archive, part)
        check_spread(self._path, archive, sheet.part, sheet.name)

    def _sheet(self, archive: zipfile.ZipFile, layout: SheetLayout) -> Iterator[pa.RecordBatch]:
        days = DayNumbers(archive, layout.sheet.part, layout.letters[0], layout.header_row + 1)
        if not self._low_memory:
            columns = read_columns(self._open(), layout)
            if columns is not None and _nulls_are_empty(archive, layout, columns):
                yield from self._from_columns(columns, layout, days)
                return
        special = special_cells(archive, layout.sheet.part, frozenset(layout.letters), layout.header_row + 1)
        if special.uncalculated is not None:
            row, letters = special.uncalculated
            raise WorkbookError(
                f"{self._path}: {shown(layout.sheet.name)}!{letters}{row} is a formula without a value; "
                "open the workbook in Excel, let it calculate, and save it"
            )
        yield from self._from_rows(layout, special, days)

    def _open(self) -> fastexcel.ExcelReader:
        try:
            return fastexcel.read_excel(self._path)
        except fastexcel.FastExcelError as error:
            text = str(error).splitlines()[0]
            raise WorkbookError(f"{self._path}: is damaged ({text}); save it again in Excel") from error

    def _from_columns(self, columns: list[pa.Array], layout: SheetLayout, days: DayNumbers) -> Iterator[pa.RecordBatch]:
        numbers = np.arange(len(columns[0])) + layout.header_row + 1
        columns = [days.nearest(columns[0], numbers), *columns[1:]]
        if any(column.null_count for column in columns):
            filled = np.flatnonzero(~np.logical_and.reduce([_is_null(column) for column in columns]))
            self.blank_rows += int(filled[-1]) + 1 - len(filled) if len(filled) else 0  # none after the last event
            columns, numbers = [column.take(pa.array(filled)) for column in columns], numbers[filled]
        for start in range(0, len(numbers), ROW_GROUP_ROWS):
            place = _place(layout, numbers[start : start + ROW_GROUP_ROWS].__getitem__)
            yield coerce_columns([column.slice(start, ROW_GROUP_ROWS) for column in columns], place, self.faults)

    def _from_rows(self, layout: SheetLayout, special: SpecialCells, days: DayNumbers) -> Iterator[pa.RecordBatch]:
        rows = (iter_openpyxl if self._low_memory else iter_calamine)(str(self._path), layout)
        block: list[Cells] = []
        numbers: list[int] = []
        blank = 0
        for number, cells in rows:
            if special.errors:
                cells = _with_errors(number, cells, layout, special)
            if not any(cells) and all(cell is None or cell == "" for cell in cells):
                blank += 1
                continue
            self.blank_rows += blank  # blank rows after the last event are just the end of the sheet
            blank = 0
            block.append(cells)
            numbers.append(number)
            if len(block) == ROW_GROUP_ROWS:
                yield coerce_cells(_dated(block, numbers, days), _place(layout, numbers.__getitem__), self.faults)
                block, numbers = [], []
        if block:
            yield coerce_cells(_dated(block, numbers, days), _place(layout, numbers.__getitem__), self.faults)


def _nulls_are_empty(archive: zipfile.ZipFile, layout: SheetLayout, columns: list[pa.Array]) -> bool:
    """Return whether the nulls of `columns` are cells with nothing in them."""
    if not any(column.null_count for column in columns):
        return True
    bits = [1 << at for at in range(len(columns))]
    gaps = np.bitwise_or.reduce([_is_null(column) * np.uint8(bit) for column, bit in zip(columns, bits, strict=True)])
    letters = {letters.encode(): bit for letters, bit in zip(layout.letters, bits, strict=True)}
    return are_empty(archive, layout.sheet.part, layout.header_row + 1, gaps.tobytes(), letters)


def _is_null(column: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _dated(block: list[Cells], numbers: list[int], days: DayNumbers) -> list[Cells]:
    """Return `block` with its dates to the nearest millisecond; `numbers` are its rows."""
    dates = days.nearest_cells([cells[0] for cells in block], numbers)
    return [(date, *cells[1:]) for date, cells in zip(dates, block, strict=True)]


def _place(layout: SheetLayout, number_of: Callable[[int], int]) -> Callable[[int, int], str]:
    name = shown(layout.sheet.name)
    return lambda row, column: f"{name}!{layout.letters[column]}{number_of(row)}"


def _with_errors(number: int, cells: Cells, layout: SheetLayout, special: SpecialCells) -> Cells:
    a, b, c, d = (
        special.errors.get((number, letters), cell) for letters, cell in zip(layout.letters, cells, strict=True)
    )
    return a, b, c, d
