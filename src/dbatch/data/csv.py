"""Events from CSV files, in blocks of bounded memory, by the same rules as those from Excel."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from dbatch.data.coerce import coerce_columns
from dbatch.data.csv_text import CheckedUtf8, is_blank, next_line, open_text, skip_blank_line
from dbatch.data.faults import Faults
from dbatch.data.header import EXPECTED_COLUMNS, EventColumns, find_columns
from dbatch.data.names import shown
from dbatch.errors import SchemaError

_BLOCK_BYTES: Final = 4 << 20


@dataclass(frozen=True)
class _Head:
    """What precedes the rows: the number of columns, which of them are events', and where the rows start."""

    width: int
    columns: EventColumns
    offset: int
    line: int


def csv_batches(path: str, *, only: Sequence[str] = (), faults: Faults | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the events of a CSV file as canonical batches, in file order.

    The first line that is not blank is the header, with the column names of a workbook. If there is a column
    named security, ticker or symbol and `only` is given, the rows with these values come. Lines without any of
    the four cells are no events. What cannot be read is null and counted in `faults`, by row: `ticks.csv:12` is
    line 12, less the blank lines between rows before it. Raises `DataNotFoundError` for a missing file,
    `SchemaError` for one that is not such a CSV and `DataError` for one that cannot be read to its end.
    """
    head = _read_head(path)
    faults = faults if faults is not None else Faults()
    line = head.line
    for batch in _raw_batches(path, head):
        wanted = _wanted_rows(batch, head, only)
        numbers = line + wanted
        line += batch.num_rows
        if len(wanted) == 0:
            continue
        kept = batch if len(wanted) == batch.num_rows else batch.take(pa.array(wanted))
        yield coerce_columns(kept.columns[:4], _place(Path(path).name, numbers.tolist()), faults)


def csv_securities(path: str) -> list[str] | None:
    """Return the distinct values of the file's security column, sorted; None where there is no such column.

    Values of nothing but spaces are left out. Raises what `csv_batches` raises, and `SchemaError` for an event
    that names no security, which would belong to none of them.
    """
    head = _read_head(path)
    if head.columns.security is None:
        return None
    found: set[str] = set()
    line = head.line
    for batch in _raw_batches(path, head):
        values = pc.unique(batch.column(4))
        blank = values.filter(is_blank(values))
        if len(blank):
            is_nameless = pc.is_in(batch.column(4), blank).to_numpy(zero_copy_only=False)
            nameless = np.flatnonzero(is_nameless & ~_blank_rows(batch))
            if len(nameless):
                raise SchemaError(f"{path}: row {line + int(nameless[0])} names no security; fill that column")
        found.update(set(values.to_pylist()) - set(blank.to_pylist()))
        line += batch.num_rows
    return sorted(found)


def _place(name: str, numbers: list[int]) -> Callable[[int, int], str]:
    return lambda row, column: f"{name}:{numbers[row]}"


def _read_head(path: str) -> _Head:
    with open_text(path) as file:
        text, offset, line = next_line(file, 0)
        _, offset, line = next_line(file, line) if text else ("", offset, line)
    if not text:
        raise SchemaError(
            f"{path}: is empty; a CSV has a header (of events {EXPECTED_COLUMNS}; of bars Date, Close) and rows"
        )
    header = next(csv.reader([text]))
    try:
        columns = find_columns(header)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    if columns is None:
        raise SchemaError(f"{path}: the header is '{shown(text)[:200]}'; it must have {EXPECTED_COLUMNS}")
    return _Head(len(header), columns, offset, line)


def _raw_batches(path: str, head: _Head) -> Iterator[pa.RecordBatch]:
    """Yield the needed columns as text, first the four of events, then the security if there is one."""
    keys = [f"c{number}" for number in range(head.width)]
    needed = [keys[position] for position in head.columns.positions]
    if head.columns.security is not None:
        needed.append(keys[head.columns.security])
    try:
        with open_text(path) as file:
            file.seek(head.offset)
            if not file.read(1):
                return
            file.seek(head.offset)
            yield from pa_csv.open_csv(
                pa.PythonFile(CheckedUtf8(file), "r"),
                read_options=pa_csv.ReadOptions(column_names=keys, block_size=_BLOCK_BYTES),
                parse_options=pa_csv.ParseOptions(invalid_row_handler=skip_blank_line),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(needed, pa.string()), include_columns=needed, check_utf8=False
                ),
            )
    except pa.ArrowInvalid as error:
        raise SchemaError(f"{path}: is not a readable CSV: {str(error).splitlines()[0]}") from error


def _wanted_rows(batch: pa.RecordBatch, head: _Head, only: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return the positions of the rows that are events, of `only` where that is given."""
    wanted = ~_blank_rows(batch)
    if head.columns.security is not None and only:
        same = pc.is_in(batch.column(4), pa.array(only, pa.string()))
        wanted &= same.to_numpy(zero_copy_only=False)
    return np.flatnonzero(wanted)


def _blank_rows(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
    """Return for each row whether none of its four cells is filled, as spreadsheets leave them at the end."""
    blank = np.ones(batch.num_rows, bool)
    for column in batch.columns[:4]:
        if blank.any():
            blank &= is_blank(column).to_numpy(zero_copy_only=False)
    return blank
