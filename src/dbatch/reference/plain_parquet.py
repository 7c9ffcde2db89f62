"""Parquet files, whole: their columns by type, nothing parsed from text but the type of an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from dbatch.data.blocks import OTHER, EventBlock
from dbatch.errors import DataError, SchemaError
from dbatch.reference.plain_columns import columns_of, is_of, security_of
from dbatch.reference.plain_files import one_line, opened
from dbatch.schema import EVENT_COLUMNS, EVENT_TYPES


def read_parquet_file(path: str, only: Sequence[str]) -> EventBlock:
    """Return the events of the Parquet file at `path`; of the security that `only` names, where given.

    Raises DataError, naming the file, when it is damaged, SchemaError for columns that are not those of events,
    and for several securities where one is expected.
    """
    try:
        table = _table(path)
        columns = columns_of(table.column_names, path, of_securities=bool(only))
        if "security" in columns:
            table = _of_one_security(table, columns["security"], only, path)
        timestamp, kind, price, volume = (table.column(columns[name]) for name in EVENT_COLUMNS)
        return EventBlock(
            _timestamps(timestamp, path), _kinds(kind, path), _prices(price, path), _volumes(volume, path)
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is not readable as Parquet, {one_line(error)}") from error


def _table(path: str) -> pa.Table:
    """Return the columns of the file that mean something, as they are stored."""
    with opened(path) as file:
        columns = columns_of(pq.read_schema(file).names, path)
        names = [pq.read_schema(file).names[position] for position in columns.values()]
        file.seek(0)
        return pq.read_table(file, columns=names, page_checksum_verification=True)


def _of_one_security(table: pa.Table, position: int, only: Sequence[str], path: str) -> pa.Table:
    column = table.column(position)
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind) or types.is_null(kind)):
        raise _wrong_type(table.column_names[position], column, "text or an integer", path)
    values = column.to_pandas(integer_object_nulls=True)
    names = [name for name in values.dropna().unique() if security_of(name)]
    if only:
        wanted = values.isin([name for name in names if is_of(name, only)])
        return table.filter(pa.array(wanted.to_numpy(bool)))
    if len({security_of(name) for name in names}) > 1:
        raise SchemaError(f"{path}: holds several securities ({_listed(names)}), must hold one")
    return table


def _timestamps(column: pa.ChunkedArray, path: str) -> np.ndarray:
    """Return the clock readings in nanoseconds since 1970."""
    if not types.is_timestamp(column.type):
        raise _wrong_type("timestamp", column, "a timestamp", path)
    times = column.to_pandas()
    try:
        if column.type.tz is not None:
            times = times.dt.tz_localize(None)  # the clock reading of the zone stays
        nanoseconds = times.astype("datetime64[ns]").to_numpy()
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise SchemaError(f"{path}: a timestamp lies outside the years 1677 to 2262") from error
    return np.asarray(nanoseconds.astype(np.int64))  # NaT is the smallest integer, as is NOT_A_TIME


def _kinds(column: pa.ChunkedArray, path: str) -> np.ndarray:
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if not (types.is_string(kind) or types.is_large_string(kind)):
        raise _wrong_type("type", column, "text or a dictionary of text", path)
    numbers, names = pd.factorize(column.to_pandas())  # -1 where there is none: the last of the codes below
    codes = np.array([*map(_code, names), OTHER], np.int8)
    return np.asarray(codes[numbers])


def _code(name: str) -> int:
    plain = name.strip().lower()
    return EVENT_TYPES.index(plain) if plain in EVENT_TYPES else OTHER


def _prices(column: pa.ChunkedArray, path: str) -> np.ndarray:
    if types.is_decimal(column.type):
        return np.array([np.nan if price is None else float(price) for price in column.to_pylist()], np.float64)
    if types.is_floating(column.type) or types.is_integer(column.type):
        prices: np.ndarray = column.to_pandas().to_numpy(np.float64)  # a null is NaN
        return prices
    raise _wrong_type("price", column, "a float, an integer or a decimal", path)


def _volumes(column: pa.ChunkedArray, path: str) -> np.ndarray:
    """Return the shares, fractions cut off; 0 where they are missing, or more than 64 bits hold."""
    if types.is_decimal(column.type):
        return np.array([0 if volume is None else _in_64_bits(int(volume)) for volume in column.to_pylist()], np.int64)
    if types.is_floating(column.type):
        values = np.trunc(column.to_pandas().to_numpy(np.float64))
        fits = (values >= -(2.0**63)) & (values < 2.0**63)  # which NaN and infinity do not
        return np.where(fits, values, 0.0).astype(np.int64)
    if types.is_integer(column.type):
        whole = column.fill_null(0).to_numpy()
        return np.where(whole <= np.iinfo(np.int64).max, whole, 0).astype(np.int64)
    raise _wrong_type("volume", column, "an integer, a float or a decimal", path)


def _in_64_bits(volume: int) -> int:
    return volume if -(2**63) <= volume < 2**63 else 0


def _wrong_type(name: str, column: pa.ChunkedArray, wanted: str, path: str) -> SchemaError:
    return SchemaError(f"{path}: column {name!r} is {column.type}, must be {wanted}")


def _listed(names: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, names)))
