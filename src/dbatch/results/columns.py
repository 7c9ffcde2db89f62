"""Columns made into Arrow tables, and Arrow's into arrays; pa.array and to_numpy would do, but import pandas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa

Kind = Literal["int", "float", "text", "flag", "date"]
Column: TypeAlias = Sequence[Any] | np.ndarray | pa.Array | pa.ChunkedArray
"""Values of one kind: a list with None for what is missing, an array with NaN for it, or Arrow's with nulls."""

_TYPES: Final = {"int": pa.int64(), "float": pa.float64(), "text": pa.string(), "flag": pa.bool_(), "date": pa.date32()}


def table_of(columns: Mapping[str, Column], kinds: Mapping[str, Kind]) -> pa.Table:
    """Return the columns that `kinds` names, in its order: int64, float64, text, bool or date32, null where none is.

    A float that is not finite is null too. Dates are days since 1970, or datetime64[D] with NaT for null. Arrow's
    columns may be of types that can be cast to these.
    """
    return pa.Table.from_arrays([array_of(columns[name], kind) for name, kind in kinds.items()], list(kinds))


def array_of(values: Column, kind: Kind) -> pa.Array:
    """Return `values` as `table_of` makes a column of them."""
    if kind == "float":
        floats = numbers(values)
        return _built(pa.float64(), np.isfinite(floats), [floats])
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return in_one(values.cast(_TYPES[kind]))
    if isinstance(values, np.ndarray):
        present = np.isfinite(values)
        whole = np.zeros(len(values), np.int64)
        whole[present] = values[present].astype(np.int64)
        return _whole(whole, present, kind)
    if kind == "text":
        return _text_array(values)
    present = np.array([value is not None for value in values], bool)
    if kind == "flag":
        return _built(pa.bool_(), present, [np.packbits(np.array(values, bool), bitorder="little")])
    return _whole(np.array([value or 0 for value in values], np.int64), present, kind)


def numbers(values: Column) -> np.ndarray:
    """Return `values` as float64, NaN where one is missing."""
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return np.array(values, np.float64)
    column = in_one(values)
    known = np.from_dlpack(column.drop_null()).astype(np.float64)
    if not column.null_count:
        return known
    found = np.full(len(column), np.nan)
    found[~is_null(column)] = known
    return found


def is_null(column: pa.Array) -> np.ndarray:
    """Return for each value of `column` whether it is missing: bool."""
    bits = np.frombuffer(column.is_null().buffers()[1], np.uint8)  # fresh, so that its first bit is the first value's
    return np.unpackbits(bits, count=len(column), bitorder="little").view(bool)


def in_one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return `column` as one array."""
    if isinstance(column, pa.Array):
        return column
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


def taken(column: pa.Array | pa.Table, places: np.ndarray) -> Any:
    """Return the rows of `column`, or of a whole table, at `places` (int64); null where a place is below 0."""
    return column.take(_built(pa.int64(), places >= 0, [np.ascontiguousarray(places, np.int64)]))


def kind_of(values: Sequence[Any]) -> Kind:
    """Return the kind of column that holds `values` as they are; text for those of several kinds, or of others."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "flag"
    if kinds == {int}:
        known = [value for value in values if value is not None]
        return "int" if min(known) >= -(2**63) and max(known) < 2**63 else "float"
    if kinds and kinds <= {int, float}:
        return "float"
    return "text"


def texts(values: Sequence[Any]) -> list[str | None]:
    """Return `values` as text, those that are none as JSON; None stays."""
    return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]


def array_of_any(values: Sequence[Any]) -> pa.Array:
    """Return `values` as a column of their kind, those of several kinds, or of others, as text."""
    kind = kind_of(values)
    return array_of(texts(values) if kind == "text" else values, kind)


def utf8(text: str) -> bytes:
    """Return `text` in UTF-8; half a surrogate pair, which has no place there, as its escape."""
    return text.encode("utf-8", "backslashreplace")


def csv_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return `rows` as CSV; None is an empty cell."""
    sink = io.BytesIO()
    with io.TextIOWrapper(sink, encoding="utf-8", errors="backslashreplace", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(rows)
        text.flush()
        return sink.getvalue()


def _whole(values: np.ndarray, present: np.ndarray, kind: Kind) -> pa.Array:
    if kind == "date":
        return _built(pa.date32(), present, [values.astype(np.int32)])
    return _built(pa.int64(), present, [values])


def _text_array(values: Sequence[str | None]) -> pa.Array:
    present = np.array([value is not None for value in values], bool)
    joined = "".join([value or "" for value in values])
    if joined.isascii():  # as many bytes as characters
        lengths = [0 if value is None else len(value) for value in values]
        content = joined.encode()
    else:
        encoded = [utf8(value or "") for value in values]
        lengths = list(map(len, encoded))
        content = b"".join(encoded)
    ends = np.cumsum([0, *lengths], dtype=np.int64).astype(np.int32)
    return _built(pa.string(), present, [ends, content])


def _built(kind: pa.DataType, present: np.ndarray, data: Sequence[Any]) -> pa.Array:
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(present), [validity, *map(pa.py_buffer, data)])
