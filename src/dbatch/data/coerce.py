"""Raw columns or cells of a source to canonical events, by the rules of `dbatch.data.cells`.

Whole columns are turned by Arrow and numpy; only the cells that are not in the usual form are looked at one
by one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.data.cells import (
    ISO_TIME,
    NUMBER,
    OFFSET,
    read_price,
    read_timestamp,
    read_type,
    read_volume,
)
from dbatch.data.decimals import nearest_floats
from dbatch.data.events import EVENT_ARROW_SCHEMA, EVENT_TYPE_DICTIONARY
from dbatch.data.faults import Fault, Faults

__all__ = ["Fault", "Faults", "coerce_cells", "coerce_columns", "usual_prices"]

Place = Callable[[int, int], str]
"""Names the cell of a row of the block (from 0) and of a column in the order of `EVENT_COLUMNS` (from 0)."""

Values = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

_READERS: Final = (read_timestamp, read_type, read_price, read_volume)
_PLAIN: Final = (
    (dt.datetime, pa.timestamp("us")),
    (str, pa.string()),
    (float, pa.float64()),
    (float, pa.float64()),
)
_MAX_EXACT: Final = float(2**62)
_FIRST_NS: Final = int(np.datetime64("1678-01-01", "ns").astype(np.int64))
_END_NS: Final = int(np.datetime64("2262-01-01", "ns").astype(np.int64))


def coerce_columns(columns: Sequence[pa.Array], place: Place, faults: Faults) -> pa.RecordBatch:
    """Return one batch of events from four arrays in the order of `EVENT_COLUMNS`.

    An array has strings, numbers or (the first) timestamps; those in nanoseconds are taken as they are. A value
    that cannot be read is null in the batch and counted in `faults`; the row stays.
    """
    values = []
    for number, column in enumerate(columns):
        array, is_right = _usual(number, column)
        for row in np.flatnonzero(~is_right).tolist():
            _read_cell(number, row, column[row].as_py(), array, is_right, place, faults)
        values.append(_arrow(number, array, is_right))
    return pa.record_batch(values, schema=EVENT_ARROW_SCHEMA)


def coerce_cells(rows: Sequence[Sequence[object]], place: Place, faults: Faults) -> pa.RecordBatch:
    """Return one batch of events from rows of four cells (text, numbers, dates), with the same rules."""
    values = []
    for number in range(len(_READERS)):
        cells = [row[number] for row in rows]
        array, is_right = _usual(number, _plain(number, cells))
        for row in np.flatnonzero(~is_right).tolist():
            _read_cell(number, row, cells[row], array, is_right, place, faults)
        values.append(_arrow(number, array, is_right))
    return pa.record_batch(values, schema=EVENT_ARROW_SCHEMA)


def _plain(number: int, cells: Sequence[object]) -> pa.Array:
    """Return the cells of the kind usual in their column; the others, and times finer than 1 ms, are null."""
    kind, arrow = _PLAIN[number]
    array = pa.array([cell if type(cell) is kind else None for cell in cells], arrow)
    if number == 0:
        is_whole = pc.equal(array.cast(pa.timestamp("ms"), safe=False).cast(arrow), array)
        array = pc.if_else(is_whole, array, None)
    return array


def _usual(number: int, column: pa.Array) -> Values:
    """Return the values that are in the usual form, and for each row whether it is one."""
    return (_usual_timestamps, _usual_types, usual_prices, _usual_volumes)[number](column)


def _read_cell(
    number: int,
    row: int,
    cell: object,
    array: np.ndarray[Any, Any],
    is_right: np.ndarray[Any, Any],
    place: Place,
    faults: Faults,
) -> None:
    value, reason = _READERS[number](cell)
    if value is not None:
        array[row] = value
        is_right[row] = True
    if reason is not None:
        faults.add(reason, lambda: place(row, number), cell)


def _arrow(number: int, array: np.ndarray[Any, Any], is_right: np.ndarray[Any, Any]) -> pa.Array:
    mask = None if is_right.all() else ~is_right
    if number == 0:
        return pa.array(array, pa.int64(), mask=mask).cast(pa.timestamp("ns"))
    if number == 1:
        return pa.DictionaryArray.from_arrays(pa.array(array, pa.int8(), mask=mask), EVENT_TYPE_DICTIONARY)
    return pa.array(array, EVENT_ARROW_SCHEMA.field(number).type, mask=mask)


def _usual_timestamps(column: pa.Array) -> Values:
    if column.type == pa.timestamp("ns"):
        return _numpy(column, pa.int64())
    if pa.types.is_timestamp(column.type):
        return _in_years(*_numpy(_cast(column, pa.timestamp("ns")), pa.int64()))
    if not pa.types.is_string(column.type):
        return _nothing(column, "int64")
    text = column
    if not pc.all(pc.match_substring_regex(text, f"^{ISO_TIME}$"), min_count=0).as_py():
        text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), f"^({ISO_TIME}){OFFSET}$", r"\1")
    is_iso = pc.match_substring_regex(text, f"^{ISO_TIME}$")
    return _in_years(*_numpy(_cast(pc.if_else(is_iso, text, None), pa.timestamp("ns")), pa.int64()))


def _in_years(times: np.ndarray[Any, Any], is_right: np.ndarray[Any, Any]) -> Values:
    return times, is_right & (times >= _FIRST_NS) & (times < _END_NS)


def _usual_types(column: pa.Array) -> Values:
    if not pa.types.is_string(column.type):
        return _nothing(column, "int8")
    encoded = column.dictionary_encode()
    codes = [_code(text) for text in encoded.dictionary.to_pylist()]
    known = pa.array(codes, pa.int8()).take(encoded.indices)
    return _numpy(known, pa.int8())


def _code(text: str) -> int | None:
    return read_type(text)[0] if len(text) < 64 else None


def usual_prices(column: pa.Array) -> Values:
    """Return a column's numbers as float64, and for each row whether it is one: usual in form, and finite."""
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.match_substring_regex(column, f"^{NUMBER}$"), column, None)
    elif pa.types.is_decimal(column.type):
        column = nearest_floats(column)
    elif not _is_numeric(column.type):
        return _nothing(column, "float64")
    array, is_right = _numpy(_cast(column, pa.float64()), pa.float64())
    return array, is_right & np.isfinite(array)


def _usual_volumes(column: pa.Array) -> Values:
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.match_substring_regex(column, r"^\d{1,18}$"), column, None)
        return _numpy(_cast(column, pa.int64()), pa.int64())
    if pa.types.is_decimal(column.type):
        whole, is_right = _numpy(_cast(column, pa.int64()), pa.int64())
        return whole, is_right & (whole >= 0)
    if not _is_numeric(column.type):
        return _nothing(column, "int64")
    numbers, is_right = _numpy(_cast(column, pa.float64()), pa.float64())
    is_right = is_right & (numbers >= 0) & (numbers < _MAX_EXACT) & (np.floor(numbers) == numbers)
    return np.where(is_right, numbers, 0.0).astype("int64"), is_right


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the column as `kind`, or all null if one value does not go: each is then read by itself."""
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(len(column), kind)


def _numpy(column: pa.Array, kind: pa.DataType) -> Values:
    if column.null_count == 0:
        array = column.view(kind).to_numpy(zero_copy_only=False)
        return np.array(array), np.ones(len(array), bool)
    is_right = column.is_valid().to_numpy(zero_copy_only=False)
    filled = column.view(kind).fill_null(0).to_numpy(zero_copy_only=False)
    return np.array(filled), np.array(is_right)


def _nothing(column: pa.Array, dtype: str) -> Values:
    return np.zeros(len(column), dtype), np.zeros(len(column), bool)
