"""CSV files, cell by cell with Python's own reader."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence

from dbatch.data.blocks import EventBlock
from dbatch.errors import SchemaError
from dbatch.reference.plain_cells import Events
from dbatch.reference.plain_columns import columns_of, is_of
from dbatch.reference.plain_files import one_line, opened
from dbatch.schema import EVENT_COLUMNS


def read_csv_file(path: str, only: Sequence[str]) -> EventBlock:
    """Return the events of the CSV file at `path`, plain or gzip; of the security that `only` names, where given.

    Raises SchemaError, naming the file, for text that is not UTF-8, a header without the columns, a row of
    another length than the header, or one that names no security where there is a column of them.
    """
    with opened(path) as file:
        plain = gzip.GzipFile(fileobj=file) if path.lower().endswith(".gz") else file
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            rows = ([cell.strip() for cell in row] for row in csv.reader(text))
            try:
                return _events(path, (row for row in rows if row not in ([], [""])), only)
            except UnicodeDecodeError as error:
                raise SchemaError(f"{path}: is not UTF-8 text, {one_line(error)}") from error
            except csv.Error as error:
                raise SchemaError(f"{path}: is not a CSV file, {one_line(error)}") from error


def _events(path: str, rows: Iterator[list[str]], only: Sequence[str]) -> EventBlock:
    header = next(rows, None)
    if header is None:
        raise SchemaError(f"{path}: is empty, must have a header")
    columns = columns_of(header, path, of_securities=bool(only))
    wanted = [columns[name] for name in EVENT_COLUMNS]
    events = Events()
    for row in rows:
        if len(row) != len(header):
            raise SchemaError(f"{path}: a row has {len(row)} cells, the header has {len(header)}: {','.join(row)!r}")
        cells = [row[position] for position in wanted]
        if not only or _is_of(only, row[columns["security"]], cells, path):
            events.add(cells)
    return events.block()


def _is_of(only: Sequence[str], security: str, cells: list[str], path: str) -> bool:
    if not security and any(cells):
        raise SchemaError(f"{path}: a row names no security: {','.join(cells)!r}")
    return is_of(security, only)
