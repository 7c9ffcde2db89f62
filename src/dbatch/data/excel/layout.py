"""Where the events stand in a sheet: its header row and its four columns."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbatch.data.excel.head import Sheet, first_rows
from dbatch.data.header import EXPECTED_COLUMNS, find_columns
from dbatch.data.names import shown
from dbatch.errors import SchemaError, WorkbookError

HEADER_SEARCH_ROWS: Final = 50


@dataclass(frozen=True)
class SheetLayout:
    """The header's row from 1, and the columns of `EVENT_COLUMNS` in that order, from 0."""

    sheet: Sheet
    header_row: int
    columns: tuple[int, int, int, int]

    @property
    def letters(self) -> tuple[str, ...]:
        """The columns as Excel shows them."""
        return tuple(column_letters(column) for column in self.columns)


def find_layout(path: Path, archive: zipfile.ZipFile, sheet: Sheet, header_row: int | None) -> SheetLayout:
    """Return where the events are: the first of the top 50 rows that names all four columns, or `header_row`.

    Raises `WorkbookError`, naming the sheet, if it is empty or no row is such a header.
    """
    where = f"{path}: sheet '{shown(sheet.name)}'"
    rows = first_rows(path, archive, sheet, header_row or HEADER_SEARCH_ROWS)
    rows = [row for row in rows if any(text.strip() for text in row.cells.values())]
    if not rows and header_row is None:
        raise WorkbookError(f"{where} is empty; it must have a header row {EXPECTED_COLUMNS} and events")
    for row in rows:
        if header_row is not None and row.number != header_row:
            continue
        names = [row.cells.get(column, "") for column in range(max(row.cells) + 1)]
        try:
            found = find_columns(names)
        except SchemaError as error:
            raise WorkbookError(f"{where} row {row.number}: {error}") from error
        if found is not None:
            return SheetLayout(sheet, row.number, found.positions)
    if header_row is not None:
        text = next((_listed(row.cells) for row in rows if row.number == header_row), "nothing")
        raise WorkbookError(f"{where}: row {header_row} holds {text}; the header must have {EXPECTED_COLUMNS}")
    raise WorkbookError(
        f"{where} has no header row with {EXPECTED_COLUMNS} in its first {HEADER_SEARCH_ROWS} rows; "
        f"row {rows[0].number} holds {_listed(rows[0].cells)}"
    )


def column_letters(column: int) -> str:
    """Return the letters of a column counted from 0.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _listed(cells: dict[int, str]) -> str:
    return shown(", ".join(f"'{text[:20]}'" for text in list(cells.values())[:6]))
