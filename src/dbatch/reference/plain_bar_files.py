"""Files of bars as rows of cells by meaning."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import DataError, SchemaError
from dbatch.model import Source
from dbatch.reference.plain_columns import is_of
from dbatch.reference.plain_files import one_line, opened
from dbatch.reference.plain_workbook import Workbook

Row = dict[str, Any]
"""The cells of a row by what they mean: timestamp, time, open, high, low, close, volume, adjusted, security."""

_NAMES = {
    "timestamp": ("timestamp", "timestamps", "datetime", "date time", "open time", "opentime"),
    "date": ("date", "dates", "day"),
    "time": ("time", "times"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close", "last", "price"),
    "adjusted": ("adj close", "adjusted close", "adjclose"),
    "volume": ("volume", "vol"),
    "security": ("security", "ticker", "symbol", "name"),
}
_LETTERS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "timestamp": "t"}
_HEADER_IS_WITHIN = 50


def rows_of(source: Source) -> Iterator[Row]:
    """Yield the rows of one security in the order of its files. Raises DataError (or one of its kinds)."""
    for path in source.paths:
        tables: list[tuple[list[str], Sequence[Sequence[Any]]]]
        if source.kind == "excel":
            tables = [_sheet(path, sheet, source.header_row) for sheet in source.sheets]
        else:
            tables = [_parquet(path) if source.kind == "parquet" else _csv(path)]
        for header, rows in tables:
            columns = _columns(header, source.column)
            if "close" not in columns:
                raise SchemaError(f"{path}: the header {', '.join(header)!r} is none of bars")
            for cells in rows:
                row = {name: cells[at] if at < len(cells) else None for name, at in columns.items()}
                if not source.only or is_of(str(row["security"]), source.only):
                    yield row


def _columns(header: Sequence[str], panel: str) -> dict[str, int]:
    """Return where the columns of bars are; of a panel the close is the column called `panel`."""
    plain = [name.strip().strip("<>").replace("_", " ").strip().lower() for name in header]
    by_letter = {"o", "h", "l", "c"} <= set(plain)
    found: dict[str, int] = {}
    for meaning, names in _NAMES.items():
        known = (*names, _LETTERS[meaning]) if by_letter and meaning in _LETTERS else names
        places = [at for at, name in enumerate(plain) if name in known]
        if places:
            found[meaning] = places[0]
    date, clock = found.pop("date", None), found.pop("time", None)
    if "timestamp" not in found and date is not None:
        found["timestamp"] = date
        if clock is not None:
            found["time"] = clock
    elif "timestamp" not in found:
        found["timestamp"] = 0 if clock is None else clock
    if panel:
        return {"timestamp": found["timestamp"], "close": [name.strip() for name in header].index(panel)} | (
            {"time": found["time"]} if "time" in found else {}
        )
    if "close" not in found and "adjusted" in found:
        found["close"] = found["adjusted"]
    return found


def _csv(path: str) -> tuple[list[str], list[list[str]]]:
    with opened(path) as file:
        plain = gzip.GzipFile(fileobj=file) if path.lower().endswith(".gz") else file
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            try:
                lines = [line for line in text.read().splitlines() if line.strip()]
            except UnicodeDecodeError as error:
                raise SchemaError(f"{path}: is not UTF-8 text, {one_line(error)}") from error
    if not lines:
        raise SchemaError(f"{path}: is empty, must have a header")
    delimiter = max(",;\t", key=lines[0].count)
    header, *rows = csv.reader(lines, delimiter=delimiter)
    wrong = next((row for row in rows if len(row) != len(header)), None)
    if wrong is not None:
        raise SchemaError(f"{path}: a row has {len(wrong)} cells, the header has {len(header)}")
    return header, rows


def _parquet(path: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        with opened(path) as file:
            table = pq.read_table(file, page_checksum_verification=True)
        columns = [_cells(column) for column in table.columns]
    except pa.ArrowException as error:
        raise DataError(f"{path}: is not readable as Parquet, {one_line(error)}") from error
    return table.column_names, list(zip(*columns, strict=True))


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_timestamp(column.type):
        return list(column.to_pylist())
    nanoseconds = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if value is None else (value, column.type.tz is not None) for value in nanoseconds]


def _sheet(path: str, sheet: str, header_row: int | None) -> tuple[list[str], list[list[Any]]]:
    with opened(path) as file:
        rows = [
            (number, [cells.get(at) for at in range(1, max(cells, default=0) + 1)])
            for number, cells in Workbook(file).rows(sheet)
        ]
    for place, (number, cells) in enumerate(rows):
        header = ["" if cell is None else str(cell) for cell in cells]
        is_header = number == header_row if header_row else {"timestamp", "close"} <= set(_columns(header, ""))
        if is_header and any(header):
            return header, [cells for _, cells in rows[place + 1 :]]
        if number >= (header_row or _HEADER_IS_WITHIN):
            break
    raise SchemaError(f"{path} [{sheet}]: no row with a time and a close where the header must be")
