"""Blocks of events: columns of plain numbers, in source order, as compiled loops and handlers take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.data.decimals import nearest_floats, whole_numbers
from dbatch.errors import SchemaError
from dbatch.model import Window
from dbatch.schema import EVENT_TYPES

NOT_A_TIME = np.iinfo(np.int64).min
OTHER = len(EVENT_TYPES)
_DAY = 86_400_000_000_000
_LARGEST_VOLUME = np.iinfo(np.int64).max


class EventBlock(NamedTuple):
    """A run of events: arrays of one length, row i of each being one event.

    `timestamps` int64 nanoseconds since 1970 in exchange time (`NOT_A_TIME` where missing), `kinds` int8 codes
    (position in `EVENT_TYPES`, `OTHER` where missing), `prices` float64 (NaN where missing), `volumes` int64
    (0 where missing).
    """

    timestamps: np.ndarray
    kinds: np.ndarray
    prices: np.ndarray
    volumes: np.ndarray

    def __len__(self) -> int:
        return len(self.timestamps)

    def rows(self, keep: slice | np.ndarray) -> EventBlock:
        """Return the rows that `keep` (a slice or a boolean mask) selects: this block itself for a slice of all."""
        if isinstance(keep, slice) and keep.indices(len(self)) == (0, len(self), 1):
            return self  # small jobs are delivered the same block again and again, and know it by that
        return EventBlock(self.timestamps[keep], self.kinds[keep], self.prices[keep], self.volumes[keep])


NO_EVENTS = EventBlock(
    np.empty(0, np.int64), np.empty(0, np.int8), np.empty(0, np.float64), np.empty(0, np.int64)
)  # fmt: skip


def block_of(batch: pa.RecordBatch | pa.Table, where: str) -> EventBlock:
    """Return the events of `batch`, which has the columns of `schema.EVENT_COLUMNS` in any order.

    Raises SchemaError, naming `where`, for a column of a type that is not an event's.
    """
    columns = {name: _one_array(batch.column(name)) for name in ("timestamp", "type", "price", "volume")}
    return EventBlock(
        _timestamps(columns["timestamp"], where),
        _kinds(columns["type"], where),
        _prices(columns["price"], where),
        _volumes(columns["volume"], where),
    )


def within(blocks: Iterable[EventBlock], window: Window) -> Iterator[EventBlock]:
    """Yield `blocks` cut to the rows inside `window`; a row without a time lies inside no range of dates."""
    begin = None if window.start_day is None else window.start_day * _DAY
    end = None if window.end_day is None else (window.end_day + 1) * _DAY
    trade = EVENT_TYPES.index("trade")
    for block in blocks:
        keep = np.ones(len(block), dtype=bool)
        if begin is not None or end is not None:
            keep &= block.timestamps != NOT_A_TIME
        if begin is not None:
            keep &= block.timestamps >= begin
        if end is not None:
            keep &= block.timestamps < end
        if window.only_trades:
            keep &= block.kinds == trade
        yield block if keep.all() else block.rows(keep)


def cut(blocks: Iterable[EventBlock], rows: int) -> Iterator[EventBlock]:
    """Yield the events of `blocks` in blocks of `rows`, the last one shorter: copies only where two are joined."""
    begun: list[EventBlock] = []
    missing = rows
    for block in blocks:
        first = 0
        while len(block) - first >= missing:
            begun.append(block.rows(slice(first, first + missing)))
            yield _joined(begun)
            first += missing
            begun, missing = [], rows
        if first < len(block):
            begun.append(block.rows(slice(first, None)))
            missing -= len(begun[-1])
    if begun:
        yield _joined(begun)


def place_of(block: EventBlock) -> tuple[int, ...] | None:
    """Return where `block` lies in memory, by which it is known again while it lives; None where it may change."""
    places = [column.__array_interface__["data"] for column in block]
    return (len(block), *(place for place, _ in places)) if all(fixed for _, fixed in places) else None


def _joined(blocks: Sequence[EventBlock]) -> EventBlock:
    return blocks[0] if len(blocks) == 1 else EventBlock(*map(np.concatenate, zip(*blocks, strict=True)))


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _refuse(column: str, found: pa.DataType, wanted: str, where: str) -> SchemaError:
    return SchemaError(f"{where}: column {column!r} is {found}, must be {wanted}; 'dbatch convert-excel' writes it so")


def _timestamps(array: pa.Array, where: str) -> np.ndarray:
    if not pa.types.is_timestamp(array.type):
        raise _refuse("timestamp", array.type, "timestamp[ns]", where)
    if array.type.tz is not None:
        array = pc.local_timestamp(array)
    if array.type.unit != "ns":
        try:
            array = array.cast(pa.timestamp("ns"))
        except pa.ArrowInvalid as error:
            raise SchemaError(f"{where}: a timestamp lies outside the years 1677 to 2262") from error
    values = array.cast(pa.int64())
    return _numbers(values, NOT_A_TIME)


def _kinds(array: pa.Array, where: str) -> np.ndarray:
    is_dictionary = pa.types.is_dictionary(array.type)
    text = array.type.value_type if is_dictionary else array.type
    if not (pa.types.is_string(text) or pa.types.is_large_string(text)):
        raise _refuse("type", array.type, "text (bid, ask or trade)", where)
    if not is_dictionary:
        array = array.dictionary_encode()
    try:
        names = [(value or "").strip().lower() for value in array.dictionary.to_pylist()]
    except UnicodeDecodeError as error:
        raise SchemaError(f"{where}: column 'type' is not UTF-8 text, the file is damaged") from error
    codes = np.array([EVENT_TYPES.index(name) if name in EVENT_TYPES else OTHER for name in names] + [OTHER], np.int8)
    indices = array.indices
    if indices.null_count:
        indices = indices.cast(pa.int32()).fill_null(len(names))
    positions: np.ndarray = np.from_dlpack(indices)
    return codes.take(positions)  # in half the time of codes[positions]


def _prices(array: pa.Array, where: str) -> np.ndarray:
    kind = array.type
    if pa.types.is_decimal(kind):
        array = nearest_floats(array)
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise _refuse("price", kind, "float64", where)
    elif kind != pa.float64():
        array = array.cast(pa.float64(), safe=False)
    return _numbers(array, np.nan)


def _volumes(array: pa.Array, where: str) -> np.ndarray:
    kind = array.type
    if pa.types.is_floating(kind):
        values = _numbers(array.cast(pa.float64()), 0.0)
        fits = (values >= -(2.0**63)) & (values < 2.0**63)  # neither NaN nor infinity does
        return np.where(fits, values, 0.0).astype(np.int64)
    if pa.types.is_decimal(kind):
        return _numbers(whole_numbers(array), 0)
    if pa.types.is_uint64(kind):
        whole = _numbers(array, 0)
        return np.where(whole <= _LARGEST_VOLUME, whole, 0).astype(np.int64)
    if not pa.types.is_integer(kind):
        raise _refuse("volume", kind, "int64", where)
    return _numbers(array if kind == pa.int64() else array.cast(pa.int64()), 0)


def _numbers(array: pa.Array, missing: float) -> np.ndarray:
    if array.null_count:
        array = array.fill_null(missing)
    return np.from_dlpack(array)  # unlike to_numpy it imports no pandas
