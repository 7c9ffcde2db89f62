"""From the columns of a source to a security's bars: what is left out, what is only told, and the order.

A row is left out, and told by file and row, that is no bar: no time, a price that is missing, no number or not above
zero, a high below its low, the time of an earlier row. A row that is only odd (its open or close outside its range)
stays and is told. Rows are put into the order of their times where they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.data.bar_times import labels_of
from dbatch.data.bars import BarBlock, bar_block, joined_bars
from dbatch.data.cells import read_price
from dbatch.data.coerce import usual_prices
from dbatch.data.csv_text import is_blank
from dbatch.data.faults import INVERTED, OUTSIDE, REPEATED, SORTED, Faults

Array = np.ndarray[Any, Any]
PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True)
class RawBars:
    """A security's bars as they stand in one file: arrays of one length, row i of each being one row.

    `times` and `clocks` are as `bar_times.labels_of` takes them; `prices` four arrays, open to close, or one of closes;
    `volume` and `adjusted` None where there are none. `place` names a row of the file,
    from 0. In a panel an empty close is no fault.
    """

    times: pa.Array
    clocks: pa.Array | None
    prices: tuple[pa.Array, ...]
    volume: pa.Array | None
    adjusted: pa.Array | None
    place: Callable[[int], str]
    is_panel: bool = False

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class CleanBars:
    """The bars of some rows, in source order: `rows` (from 0) are where they stand in `raw`."""

    bars: BarBlock
    rows: Array
    raw: RawBars


def clean(raw: RawBars, faults: Faults, *, zone: str = "", adjusted: bool = False) -> CleanBars:
    """Return the rows of `raw` that are bars, in source order, what is wrong with the others added to `faults`.

    `adjusted` multiplies prices by adjusted close / close. Raises what `labels_of` raises.
    """

    is_nothing = _blank(raw)

    def complain(rows: Array, reason: str, found: pa.Array | Array = raw.times) -> None:
        for row in rows[~is_nothing[rows]].tolist():
            faults.add(reason, partial(raw.place, row), _shown(found, row))

    labels, is_bar = labels_of(raw.times, raw.clocks, zone, complain)
    names = PRICES if len(raw.prices) == 4 else ("close",)
    columns = [_prices(column, name, complain) for column, name in zip(raw.prices, names, strict=True)]
    is_bar = np.logical_and.reduce([is_bar, *(is_right for _, is_right in columns)])
    opens, highs, lows, closes = [values for values, _ in columns] * (1 if len(columns) == 4 else 4)
    complain(np.flatnonzero(is_bar & (highs < lows)), INVERTED, highs)
    is_bar &= highs >= lows
    for name, values in (("open", opens), ("close", closes)):
        is_odd = is_bar & ((values > highs) | (values < lows))
        complain(np.flatnonzero(is_odd), f"{name} {OUTSIDE}", values)
    volumes = np.zeros(len(raw)) if raw.volume is None else _volumes(raw.volume, complain)
    if adjusted and raw.adjusted is not None:
        scale, is_right = _prices(raw.adjusted, "adjusted close", complain)
        is_bar &= is_right
        factor = np.divide(scale, closes, out=np.ones(len(raw)), where=is_bar)
        opens, highs, lows = opens * factor, highs * factor, lows * factor
        closes = np.where(is_bar, scale, closes)
    rows = np.flatnonzero(is_bar)
    return CleanBars(bar_block(*(column[rows] for column in (labels, opens, highs, lows, closes, volumes))), rows, raw)


def in_order(parts: list[CleanBars], faults: Faults) -> tuple[BarBlock, Callable[[int], str]]:
    """Return the bars of all `parts` by time, the first of equal labels, and what names the row of one of them.

    What was moved or left out is added to `faults`.
    """
    labels = np.concatenate([np.empty(0, np.int64), *(part.bars.timestamps for part in parts)])
    order = np.arange(len(labels))
    if (np.diff(labels) <= 0).any():
        latest = np.maximum.accumulate(labels)
        _tell(parts, labels < latest, SORTED, faults)
        ranked = np.argsort(labels, kind="stable")
        is_first = np.diff(labels[ranked], prepend=labels[ranked[0]] - 1) > 0
        is_twin = np.zeros(len(labels), bool)
        is_twin[ranked[~is_first]] = True
        _tell(parts, is_twin, REPEATED, faults)
        order = ranked[is_first]
    bars = joined_bars(part.bars for part in parts)
    return bar_block(*(column[order] for column in tuple(bars))), lambda row: _place(parts, int(order[row]))


def _place(parts: list[CleanBars], at: int) -> str:
    for part in parts:
        if at < len(part.bars):
            return part.raw.place(int(part.rows[at]))
        at -= len(part.bars)
    raise IndexError(at)


def _tell(parts: list[CleanBars], is_told: Array, reason: str, faults: Faults) -> None:
    first = 0
    for part in parts:
        for at in np.flatnonzero(is_told[first : first + len(part.bars)]).tolist():
            row = int(part.rows[at])
            faults.add(reason, partial(part.raw.place, row), part.raw.times[row].as_py())
        first += len(part.bars)


Complain = Callable[[Array, str, Any], None]


def _prices(column: pa.Array, name: str, complain: Complain) -> tuple[Array, Array]:
    values, is_right = _numbers(column, name, complain, may_be_empty=False)
    complain(np.flatnonzero(is_right & (values <= 0.0)), f"{name} is not above zero", values)
    return values, is_right & (values > 0.0)


def _volumes(column: pa.Array, complain: Complain) -> Array:
    """Return the volumes, 0.0 where there is none; what is none and not empty is told."""
    values, is_right = _numbers(column, "volume", complain, may_be_empty=True)
    complain(np.flatnonzero(is_right & (values < 0.0)), "volume is negative, taken as 0", values)
    return np.where(is_right, np.maximum(values, 0.0), 0.0)


def _numbers(column: pa.Array, name: str, complain: Complain, *, may_be_empty: bool) -> tuple[Array, Array]:
    """Return a column's numbers and which rows have one, by the rules of prices; what is wrong with others is told."""
    if pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    values, is_right = usual_prices(column)
    reasons: dict[str, list[int]] = {}
    for row in np.flatnonzero(~is_right).tolist():
        number, reason = read_price(column[row].as_py())
        if number is not None:
            values[row], is_right[row] = number, True
        elif not (may_be_empty and reason == "price is empty"):
            reasons.setdefault(str(reason).replace("price", name, 1), []).append(row)
    for told, rows in reasons.items():
        complain(np.array(rows), told, column)
    return values, is_right


def _blank(raw: RawBars) -> Array:
    """Return which rows have nothing in them, as spreadsheets leave them; of a panel, which have no close."""
    columns = raw.prices if raw.is_panel else (raw.times, *raw.prices)
    empty: Array = np.logical_and.reduce([_is_empty(column) for column in columns])
    return empty


def _is_empty(column: pa.Array) -> Array:
    if pa.types.is_string(column.type):
        return np.array(pc.fill_null(is_blank(column), True))
    return np.array(column.is_null(nan_is_null=True))


def _shown(found: pa.Array | Array, row: int) -> object:
    return found[row].as_py() if isinstance(found, pa.Array) else found[row].item()
