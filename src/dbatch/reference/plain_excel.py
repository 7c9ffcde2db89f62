"""Sheets of workbooks, cell by cell."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import ParseError

from dbatch.data.blocks import EventBlock
from dbatch.errors import WorkbookError
from dbatch.reference.plain_cells import Events
from dbatch.reference.plain_columns import columns_of, names_all_columns
from dbatch.reference.plain_files import one_line, opened
from dbatch.reference.plain_workbook import FORMULA_WITHOUT_VALUE, Workbook
from dbatch.schema import EVENT_COLUMNS

_HEADER_IS_WITHIN = 50
_DAMAGED = (
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    NotImplementedError,
    RuntimeError,
    ParseError,
    zipfile.BadZipFile,
)

Row = tuple[int, list[object]]


def read_sheets(path: str, sheets: Sequence[str], header_row: int | None) -> list[EventBlock]:
    """Return the events of each of `sheets` of the workbook at `path`; `header_row` (from 1) where it is known.

    Raises WorkbookError, naming the file, for a workbook that cannot be read and for a formula without a stored
    value in the four columns; SchemaError for a sheet without them.
    """
    if not sheets:
        raise WorkbookError(f"{path}: cannot be read as a workbook, no sheet of it is known")
    with opened(path) as file:
        try:
            book = Workbook(file)
            return [_events(_dense(book.rows(sheet)), header_row, f"{path} [{sheet}]") for sheet in sheets]
        except _DAMAGED as error:
            raise WorkbookError(f"{path}: cannot be read as a workbook, {one_line(error)}") from error


def _dense(rows: Iterator[tuple[int, dict[int, object]]]) -> Iterator[Row]:
    """Yield the number of each row and its cells from the first column on, None where there is none."""
    for number, cells in rows:
        yield number, [cells.get(column) for column in range(1, max(cells, default=0) + 1)]


def _events(rows: Iterator[Row], header_row: int | None, where: str) -> EventBlock:
    columns = columns_of(_header(rows, header_row, where), where)
    wanted = [columns[name] for name in EVENT_COLUMNS]
    events = Events()
    for number, row in rows:
        cells = [row[position] if position < len(row) else None for position in wanted]
        if FORMULA_WITHOUT_VALUE in cells:
            raise WorkbookError(
                f"{where}: row {number} holds a formula without a value; open the workbook in Excel, "
                "let it calculate, save it"
            )
        events.add(cells)
    return events.block()


def _header(rows: Iterator[Row], header_row: int | None, where: str) -> list[object]:
    """Return the cells of the header, which `rows` has then just given."""
    for number, row in rows:
        if number == header_row or (header_row is None and names_all_columns(row)):
            return row
        if number >= (header_row or _HEADER_IS_WITHIN):
            break
    raise WorkbookError(f"{where}: no row with timestamp, type, price and volume where the header must be")
