"""Events in Parquet: one file per security, a dataset partitioned by security, or a security column."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dbatch.data.ahead import ahead
from dbatch.data.blocks import EventBlock, block_of
from dbatch.data.files import is_local, open_file
from dbatch.data.header import EXPECTED_COLUMNS, find_columns, meaning_of, names_a_security
from dbatch.data.names import ticker_of
from dbatch.errors import DataError, SchemaError
from dbatch.schema import EVENT_COLUMNS

_GROUP_ROWS: Final = 1 << 17
"""What row groups of most writers, ours too, are multiples of."""

_BUFFER_BYTES: Final = 1 << 22
"""Read of a column at a time: without, all of a row group's, which some writers make as large as the file."""

_MANY_ROWS: Final = 1 << 21
"""From so many rows on, threads decode a file: some hundredths of a second are saved then."""


def read_parquet(path: str, rows: int, only: Sequence[str] = ()) -> Iterator[EventBlock]:
    """Yield the events of one file in file order, at most `rows` a block.

    `only` keeps the rows with these values in the file's security column; without it the column must hold one
    security, lest several be replayed as one. Row group by row group, so that a file
    larger than memory streams; of a large file the next blocks are decoded while the caller looks at one. Raises
    DataError, naming the file, when it is not readable Parquet or its pages fail their checksums, SchemaError for
    columns that are not events'.
    """
    with _opened(path) as file:
        blocks = _blocks(file, path, rows, only)
        yield from ahead(blocks) if file.metadata.num_rows >= _MANY_ROWS else blocks


def _blocks(file: pq.ParquetFile, path: str, rows: int, only: Sequence[str]) -> Generator[EventBlock, None, None]:
    # blocks that end where row groups do are decoded with a sixth less CPU
    for columns in _columns(file, path, max(rows, _GROUP_ROWS), only):
        block = block_of(pa.RecordBatch.from_arrays(columns, list(EVENT_COLUMNS)), path)
        for first in range(0, len(block), rows):
            yield block.rows(slice(first, first + rows))


def parquet_columns(path: str, rows: int, only: Sequence[str] = ()) -> Iterator[list[pa.Array]]:
    """Yield the four columns of events as they stand in the file, in the order of `EVENT_COLUMNS`."""
    with _opened(path) as file:
        yield from _columns(file, path, rows, only)


def _columns(file: pq.ParquetFile, path: str, rows: int, only: Sequence[str]) -> Iterator[list[pa.Array]]:
    names = file.schema_arrow.names
    try:
        found = find_columns(names)
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error
    if found is None:
        listed = ", ".join(map(repr, names)) or "none"
        raise SchemaError(f"{path}: has columns {listed}; events need {EXPECTED_COLUMNS}")
    wanted = [names[position] for position in found.positions]
    security = _security_column(file, path)
    read = wanted if security is None else [*wanted, security]
    seen: set[str] = set()
    groups = _row_groups(file, security, only)
    threads = file.metadata.num_rows >= _MANY_ROWS  # a column each
    for batch in file.iter_batches(batch_size=rows, columns=read, row_groups=groups, use_threads=threads):
        if security is not None:
            batch = _rows_of(only, batch, security, seen, path)
        yield [batch.column(name) for name in wanted]


def parquet_facts(path: str, key: str) -> dict[str, Any] | None:
    """Return what a converted file says of itself under `key` (`dbatch`, `dbatch.quality`), or None."""
    with _opened(path) as file:
        stored = (file.metadata.metadata or {}).get(key.encode())
    return None if stored is None else dict(json.loads(stored))


def parquet_names(path: str) -> list[str]:
    """Return the names of the file's columns."""
    with _opened(path) as file:
        return list(file.schema_arrow.names)


def parquet_rows(path: str) -> int:
    """Return how many rows the file has."""
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def parquet_securities(path: str) -> list[str] | None:
    """Return the distinct values of the file's security column as text, sorted; None when it has no such column.

    Values of nothing but spaces name no security, like null. Raises DataError as `read_parquet` does.
    """
    with _opened(path) as file:
        column = _security_column(file, path)
        if column is None:
            return None
        found: set[str] = set()
        for batch in file.iter_batches(columns=[column]):
            found.update(_named(batch.column(column)))
        return sorted(found)


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    options = {"pre_buffer": False, "buffer_size": _BUFFER_BYTES, "page_checksum_verification": True}
    try:
        with open_file(path) as source:
            probe = pq.ParquetFile(source, **options)
            text = [field.name for field in probe.schema_arrow if _is_kept_encoded(field)]
            target = path if is_local(path) else source
            with pq.ParquetFile(target, read_dictionary=text, metadata=probe.metadata, **options) as file:
                yield file
    except FileNotFoundError as error:
        raise DataError(f"{path}: the file is gone") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not readable as Parquet ({first}); convert or copy it again") from error


def _is_kept_encoded(field: pa.Field) -> bool:
    return _is_text(field.type) and meaning_of(field.name) in ("type", "security")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _security_column(file: pq.ParquetFile, path: str) -> str | None:
    field = next((field for field in file.schema_arrow if names_a_security(field.name)), None)
    if field is None:
        return None
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise SchemaError(f"{path}: column {field.name!r} is {field.type}, must be text or integers to name securities")
    return str(field.name)


def _named(values: pa.Array) -> set[str]:
    """Return the distinct values that name a security, as text."""
    texts = (str(value) for value in pc.unique(values).to_pylist() if value is not None)
    return {text for text in texts if text.strip()}


def _rows_of(only: Sequence[str], batch: pa.RecordBatch, column: str, seen: set[str], path: str) -> pa.RecordBatch:
    """Return the rows of `only`, or all of them as long as `seen`, the securities so far, is a single one."""
    held = batch.column(column)
    if only:
        encoded = held if pa.types.is_dictionary(held.type) else held.dictionary_encode()
        is_wanted = pc.is_in(encoded.dictionary.cast(pa.string()), pa.array(only, pa.string()))
        return batch.filter(is_wanted.take(encoded.indices))
    seen.update(map(ticker_of, _named(held)))
    if len(seen) > 1:
        listed = ", ".join(sorted(seen)[:3])
        raise SchemaError(f"{path}: holds several securities ({listed}); give the file itself as --data")
    return batch


def _row_groups(file: pq.ParquetFile, column: str | None, only: Sequence[str]) -> list[int]:
    """Return the row groups that may hold a value of `only`, by their statistics where these are of text."""
    groups = range(file.num_row_groups)
    if column is None or not only:
        return list(groups)
    leaves = (file.metadata.schema.column(number).path for number in range(file.metadata.num_columns))
    position = list(leaves).index(column)  # nested columns beside it have several leaves each
    return [group for group in groups if _may_hold(only, file.metadata.row_group(group).column(position).statistics)]


def _may_hold(only: Sequence[str], statistics: Any) -> bool:
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, str):
        return True
    return any(statistics.min <= value <= statistics.max for value in only)
