"""Columns of plain values made into Arrow tables; pa.array would do, but imports pandas."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

Kind = Literal["int", "float", "text", "flag", "date"]

_INT64: Final = range(-(2**63), 2**63)


def table_of(columns: Mapping[str, Sequence[Any] | np.ndarray], kinds: Mapping[str, Kind]) -> pa.Table:
    """Return the columns that `kinds` names, in its order: int64, float64, text, bool or date32, null for None.

    A float that is not finite is null too. Dates are days since 1970, or datetime64[D] with NaT for null; numbers may
    be arrays.
    """
    return pa.Table.from_arrays([array_of(columns[name], kind) for name, kind in kinds.items()], list(kinds))


def numbers(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Return `values` as float64, NaN where one is None."""
    return np.array(values, np.float64)


def finite(values: Iterable[float | None]) -> list[float | None]:
    """Return `values`, None for one that is not finite."""
    return [None if value is None or not math.isfinite(value) else value for value in values]


def kind_of(values: Sequence[Any]) -> Kind:
    """Return the kind of column that holds `values` as they are; text for those of several kinds, or of others."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "flag"
    if kinds == {int} and all(value in _INT64 for value in values if value is not None):
        return "int"
    if kinds and kinds <= {int, float}:
        return "float"
    return "text"


def texts(values: Sequence[Any]) -> list[str | None]:
    """Return `values` as text, those that are none as JSON; None stays."""
    return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]


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


def array_of(values: Sequence[Any] | np.ndarray, kind: Kind) -> pa.Array:
    """Return `values` as `table_of` makes a column of them."""
    if kind == "float":
        floats = numbers(values)
        return _built(pa.float64(), np.isfinite(floats), [floats])
    if isinstance(values, np.ndarray):
        if kind == "date":
            return _built(pa.date32(), ~np.isnat(values), [values.astype(np.int64).astype(np.int32)])
        return _built(pa.int64(), np.ones(len(values), bool), [np.ascontiguousarray(values, np.int64)])
    present = np.array([value is not None for value in values], bool)
    if kind == "text":
        encoded = [utf8(value or "") for value in values]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64).astype(np.int32)
        return _built(pa.string(), present, [ends, b"".join(encoded)])
    if kind == "flag":
        return _built(pa.bool_(), present, [np.packbits(np.array(values, bool), bitorder="little")])
    whole = np.array([value or 0 for value in values], np.int64)
    if kind == "date":
        return _built(pa.date32(), present, [whole.astype(np.int32)])
    return _built(pa.int64(), present, [whole])


def _built(kind: pa.DataType, present: np.ndarray, data: Sequence[Any]) -> pa.Array:
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(present), [validity, *map(pa.py_buffer, data)])


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Return a table's column as one array."""
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
