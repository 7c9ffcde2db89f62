"""Rows kept on disk until all of them are known, then written as one Parquet or CSV file whose columns fit them all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dbatch.durable import whole_file
from dbatch.errors import StorageError, UsageError
from dbatch.replay.moments import moment_text
from dbatch.replay.state import Scalar

ENDINGS: Final = (".parquet", ".csv")
PIECE_ROWS: Final = 8_192
GROUP_ROWS: Final = 131_072

_TYPES: Final[dict[frozenset[type], pa.DataType]] = {
    frozenset(): pa.null(),
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
    frozenset({np.datetime64}): pa.timestamp("ns"),
}


class Pieces:
    """Collects rows of named scalars; columns that appear later are null in the rows before.

    A column of numbers is of floats when one is, and one of several kinds is text. `path` must end in one of
    `ENDINGS`, its folder must be there: UsageError.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in ENDINGS:
            raise UsageError(f"--trace: {path} must end in {' or '.join(ENDINGS)}")
        if not path.parent.is_dir():
            raise UsageError(f"--trace: {path.parent}: no such folder")
        self._path = path
        self._kinds: dict[str, set[type]] = {}
        self._rows: list[Mapping[str, Scalar]] = []
        self._places: list[int] = []
        self.count = 0
        try:
            self._spool = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise UsageError(f"--trace: {path}: cannot be written there ({error.strerror})") from error

    def add(self, row: Mapping[str, Scalar]) -> None:
        """Take one more row."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == PIECE_ROWS:
            self._keep()

    def write(self, last: Sequence[str]) -> None:
        """Write all rows under the path's final name, the columns called `last` at the end. Raises StorageError."""
        try:
            self._keep()
            names = [*(name for name in self._kinds if name not in last), *last]
            schema = pa.schema([(name, _type_of(self._kinds.get(name, set()))) for name in names])
            with whole_file(self._path) as part:
                self._write_file(part, schema)
        except OSError as error:
            raise StorageError(f"the trace could not be written: {self._path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Forget the rows."""
        self._spool.close()

    def _keep(self) -> None:
        """Put the rows at hand on disk, as an Arrow stream with columns of its own."""
        columns = {}
        for name in dict.fromkeys(name for row in self._rows for name in row):
            values = [row.get(name) for row in self._rows]
            kinds = {type(value) for value in values if value is not None}
            self._kinds.setdefault(name, set()).update(kinds)
            columns[name] = _array(values, _type_of(kinds))
        if columns:
            self._places.append(self._spool.tell())
            table = pa.table(columns)
            with pa.ipc.new_stream(self._spool, table.schema) as stream:
                stream.write_table(table)
        self._rows = []

    def _write_file(self, target: Path, schema: pa.Schema) -> None:
        if self._path.suffix.lower() == ".csv":
            with pa_csv.CSVWriter(target, _as_text(schema)) as writer:
                for group in self._groups(schema):
                    writer.write_table(_times_as_text(group))
            return
        with pq.ParquetWriter(target, schema, compression="zstd", write_page_checksum=True) as writer:
            for group in self._groups(schema):
                writer.write_table(group, GROUP_ROWS)

    def _groups(self, schema: pa.Schema) -> Iterator[pa.Table]:
        """Yield all rows in the columns of `schema`, about `GROUP_ROWS` at a time."""
        waiting: list[pa.Table] = []
        for place in self._places:
            self._spool.seek(place)
            with pa.ipc.open_stream(self._spool) as stream:
                waiting.append(_fitted(stream.read_all(), schema))
            if sum(map(len, waiting)) >= GROUP_ROWS:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)


def _type_of(kinds: set[type]) -> pa.DataType:
    return _TYPES.get(frozenset(kinds), pa.string())


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        values = [_text(value) for value in values]
    return pa.array(values, kind)


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` in the columns of `schema`, null where it lacks one."""
    columns = []
    for field in schema:
        if field.name not in table.schema.names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        column = table.column(field.name)
        if field.type == pa.string() and column.type not in (pa.string(), pa.null()):
            column = pa.array([_text(value) for value in _values(column)], pa.string())
        columns.append(column.cast(field.type, safe=False))
    return pa.Table.from_arrays(columns, schema=schema)


def _values(column: pa.ChunkedArray) -> list[Any]:
    if column.type == pa.timestamp("ns"):
        return [None if value is None else np.datetime64(value, "ns") for value in column.cast(pa.int64()).to_pylist()]
    return list(column.to_pylist())


def _text(value: Scalar) -> str | None:
    if isinstance(value, np.datetime64):
        return moment_text(int(value.astype(np.int64)))
    return None if value is None else str(value)


def _as_text(schema: pa.Schema) -> pa.Schema:
    """Return `schema` with times as text, which CSV shows with no more decimals than they need."""
    return pa.schema(
        [(field.name, pa.string() if field.type == pa.timestamp("ns") else field.type) for field in schema]
    )


def _times_as_text(table: pa.Table) -> pa.Table:
    return _fitted(table, _as_text(table.schema))
