"""Reads one sheet's cells below its header: whole columns where all is regular, else row by row."""

from __future__ import annotations

import contextlib
import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

import fastexcel
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.data.excel.layout import SheetLayout
from dbatch.errors import WorkbookError

Cells = tuple[object, ...]

_FIRST_DAY: Final = dt.datetime(1904, 1, 3)  # an Excel time of day without a date falls before, in either calendar
_END: Final = dt.datetime(2262, 1, 1)
_ONE_DAY: Final = dt.timedelta(days=1)
_STRICT: Final = {"dtype_coercion": "strict", "schema_sample_rows": None}


def read_columns(reader: Any, layout: SheetLayout) -> list[pa.Array] | None:
    """Return the four columns as arrays, or None if any cell is not of its column's kind.

    Null stands for an empty cell, but also for errors and for formulas without a value. All rows are looked at to
    find the kinds: by default fastexcel looks at the first 1,000 and makes later cells of another kind null.
    """
    try:
        sheet = reader.load_sheet(
            layout.sheet.name, header_row=layout.header_row - 1, use_columns=sorted(layout.columns), **_STRICT
        )
        batch = sheet.to_arrow()
    except (fastexcel.FastExcelError, pa.ArrowException):
        return None
    if batch.num_columns != len(layout.columns):
        return None
    order = sorted(layout.columns)
    columns = [batch.column(order.index(column)) for column in layout.columns]
    return columns if batch.num_rows and _are_regular(columns) else None


def _are_regular(columns: Sequence[pa.Array]) -> bool:
    timestamps, types, *numbers = columns
    return (
        bool(pa.types.is_timestamp(timestamps.type) and pa.types.is_string(types.type))
        and not pc.any(pc.equal(types, ""), min_count=0).as_py()  # one that is nothing, but would be no null
        and all(pa.types.is_floating(column.type) or pa.types.is_integer(column.type) for column in numbers)
        and pc.greater_equal(pc.min(timestamps), pa.scalar(_FIRST_DAY, timestamps.type)).as_py()
        and pc.less(pc.max(timestamps), pa.scalar(_END, timestamps.type)).as_py()
    )


def iter_calamine(path: str, layout: SheetLayout) -> Iterator[tuple[int, Cells]]:
    """Yield the number of each row below the header, and its four cells, as python-calamine reads them."""
    yield from calamine_rows(path, layout.sheet.name, layout.header_row, layout.columns)


def calamine_rows(path: str, sheet_name: str, header_row: int, columns: Sequence[int]) -> Iterator[tuple[int, Cells]]:
    """Yield the number of each row below the header, and its cells in `columns` (from 0)."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_name(sheet_name)
        first_column = (sheet.start or (0, 0))[1]
        places = [column - first_column for column in columns]
        # one call a row where all columns are there: rows are as wide as the sheet
        width, pick = (max(places), itemgetter(*places)) if min(places) >= 0 and len(places) > 1 else (1 << 14, None)
        # iter_rows starts at row 1 of the sheet but at its first column with a cell
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > header_row:
                yield number, pick(row) if pick and len(row) > width else _pick(row, places)
    except CalamineError as error:
        raise WorkbookError(f"{path}: sheet '{sheet_name}' cannot be read: {error}") from error


def iter_openpyxl(path: str, layout: SheetLayout) -> Iterator[tuple[int, Cells]]:
    """Yield the same from openpyxl, which is slow but holds one row at a time."""
    yield from openpyxl_rows(path, layout.sheet.name, layout.header_row, layout.columns)


def openpyxl_rows(path: str, sheet_name: str, header_row: int, columns: Sequence[int]) -> Iterator[tuple[int, Cells]]:
    """Yield the same as `calamine_rows`; the first column holds times."""
    import openpyxl

    with warnings.catch_warnings():
        # about default styles, and dates after 9999, which come as #VALUE!
        warnings.simplefilter("ignore", UserWarning)
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        with contextlib.closing(workbook):
            sheet = workbook[sheet_name]
            sheet.reset_dimensions()
            first = header_row + 1
            for number, row in enumerate(sheet.iter_rows(min_row=first, values_only=True), start=first):
                date, *others = _pick(row, columns)
                if isinstance(date, dt.datetime) and date < workbook.epoch + _ONE_DAY:
                    date = date.time()  # of a number below 0, which is no date
                yield number, (date, *others)


def _pick(row: Sequence[object], columns: Sequence[int]) -> Cells:
    return tuple(row[column] if 0 <= column < len(row) else None for column in columns)
