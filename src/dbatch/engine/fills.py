"""Fills as columns: collected, checked, made into a table."""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_128

from dbatch.data.blocks import NOT_A_TIME
from dbatch.errors import HandlerError
from dbatch.metrics.fills import FillMetrics, fill_metrics
from dbatch.schema import FILL_COLUMNS

_ZONE = re.compile(r"(?<=:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)$")
_TRADE_KEYS = ("timestamp", "side", "fill_qty", "position", "fill_price", "realized_pnl", "pnl")
_SIGNS = {"buy": 1, "BUY": 1, "sell": -1, "SELL": -1}
_WHOLE: set[Any] = {int, np.int64}
_NUMBER: set[Any] = {*_WHOLE, float, np.float64}
_NAMES = ("timestamps", "prices", "quantities", "realized", "positions", "pnl")
_DTYPES = ("int64", "float64", "int64", "float64", "int64", "float64")
NO_FILLS = np.empty((len(_DTYPES), 0), np.int64)
"""A table of fills, as `fill_columns` takes it, without any."""

_STORED = tuple(np.dtype(dtype).newbyteorder("<") for dtype in _DTYPES)


@dataclass(frozen=True)
class Fills:
    """A security's fills in order of execution: six columns of one length.

    `timestamps` int64 nanoseconds, `prices` float64, `quantities` int64 signed (buys above zero), `realized`
    float64, `positions` int64, `pnl` float64. Where fees are configured, `realized` and `pnl` are after them, and
    `fees`, float64, are what was paid for each fill.
    """

    timestamps: np.ndarray
    prices: np.ndarray
    quantities: np.ndarray
    realized: np.ndarray
    positions: np.ndarray
    pnl: np.ndarray
    fees: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        return (self.timestamps, self.prices, self.quantities, self.realized, self.positions, self.pnl)

    def copy(self) -> Fills:
        """Return these fills in memory of their own."""
        return Fills(*(column.copy() for column in self.columns))

    def digest(self) -> str:
        """Return a hash of every value of every column, bit for bit: XXH3 of 128 bits, which chance alone opposes."""
        return digests(self, [len(self)])[0] if len(self) else _digest_of_none()

    def metrics(self) -> FillMetrics:
        """Return what these fills amount to."""
        columns = (self.prices, self.quantities, self.realized, self.pnl)
        return fill_metrics(*columns, positions=self.positions, fees=self.fees)

    def days(self) -> int:
        """Return on how many dates there is a fill."""
        if not len(self):
            return 0
        dates = self.timestamps // 86_400_000_000_000
        steps = dates[1:] - dates[:-1]
        if len(steps) and steps.min() < 0:  # times went back
            return len(np.unique(dates))
        return int(np.count_nonzero(steps)) + 1


def digests(fills: Fills, ends: Sequence[int]) -> list[str]:
    """Return the digest of each of the fills that lie in `fills` after each other, each up to its of `ends`."""
    pairs = zip(fills.columns, _STORED, strict=True)
    contents: list[Any] = [np.ascontiguousarray(column, dtype).view(np.uint8).data for column, dtype in pairs]
    found = []
    begin = 0
    for end in ends:
        digest = xxh3_128()
        for head, content in zip(_headers(end - begin), contents, strict=True):
            digest.update(head)
            digest.update(content[8 * begin : 8 * end])
        found.append(digest.hexdigest())
        begin = end
    return found


@cache
def _none() -> Fills:
    """Return the fills that jobs without any share, of which a wide grid has many."""
    return Fills(*fill_columns(NO_FILLS))


@cache
def _digest_of_none() -> str:
    return digests(_none(), [0])[0]


@lru_cache(maxsize=4096)
def _headers(count: int) -> tuple[bytes, ...]:
    """Return what stands before each column in a digest, so that none runs into the next."""
    return tuple(f"{name}:{dtype}:{count}:".encode() for name, dtype in zip(_NAMES, _DTYPES, strict=True))


def fills_of_table(table: pa.Table) -> Fills:
    """Return fills from columns of `schema.FILL_DTYPES`, as a part holds them."""
    quantities = table.column("fill_qty").to_numpy()
    buys = np.asarray(pc.equal(table.column("side"), "buy"))
    return Fills(
        timestamps=table.column("timestamp").cast(pa.int64()).to_numpy(),
        prices=table.column("fill_price").to_numpy(),
        quantities=np.where(buys, quantities, -quantities),
        realized=table.column("realized_pnl").to_numpy(),
        positions=table.column("position").to_numpy(),
        pnl=table.column("pnl").to_numpy(),
    )


def fill_columns(table: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the columns of fills that lie in `table`, int64 of six rows: where they are floats, their bits."""
    reals = table.view(np.float64)
    return table[0], reals[1], table[2], reals[3], table[4], reals[5]


def fills_of_trades(trades: Any) -> Fills:
    """Return a plain handler's `state["trades"]` (a list of dicts in order of execution) as fills.

    Raises HandlerError, naming the trade and key, for what is missing or not a number of the column's kind.
    """
    if isinstance(trades, str | bytes) or not isinstance(trades, Sequence):
        raise HandlerError(f"state['trades'] is {type(trades).__name__}, must be a list of dicts")
    if not len(trades):
        return _none()
    usual = _usual_columns(trades)
    if usual is not None:
        return Fills(*usual)
    columns: list[list[Any]] = [[] for _ in _DTYPES]
    for number, trade in enumerate(trades):
        try:
            for column, value in zip(columns, _values(trade), strict=True):
                column.append(value)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise HandlerError(f"state['trades'][{number}]: {reason}") from error
    return Fills(*(np.array(column, dtype) for column, dtype in zip(columns, _DTYPES, strict=True)))


def _usual_columns(trades: Sequence[Any]) -> tuple[np.ndarray, ...] | None:
    """Return the columns of trades that hold what nearly all hold (pandas' times, plain numbers), else None.

    A column at a time takes a sixth of the time that a trade at a time does, but cannot say which trade is wrong.
    """
    pandas = sys.modules.get("pandas")
    try:
        times, sides, *numbers = ([trade[key] for trade in trades] for key in _TRADE_KEYS)
        kinds = [set(map(type, column)) for column in (trades, times, sides, *numbers)]
        timestamp = getattr(pandas, "Timestamp", None)
        usual: list[set[Any]] = [{dict}, {timestamp}, {str}, _WHOLE, _WHOLE, _NUMBER, _NUMBER, _NUMBER]
        if not all(found <= wanted for found, wanted in zip(kinds, usual, strict=True)):
            return None
        moments = np.array([time.value for time in times], np.int64)
        shares, positions = (np.array(column, np.int64) for column in numbers[:2])
        prices, realized, pnl = money = [np.array(column, np.float64) for column in numbers[2:]]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    zones = {time.tzinfo for time in times}
    signs = np.array([_SIGNS.get(side, 0) for side in sides], np.int64)
    finite = all(np.isfinite(column).all() for column in money)
    if not (zones <= {None} and signs.all() and (shares > 0).all() and finite):
        return None
    return moments, prices, signs * shares, realized, positions, pnl


def _values(trade: Any) -> tuple[Any, ...]:
    if not isinstance(trade, Mapping):
        raise TypeError(f"is {type(trade).__name__}, must be a dict")
    side = str(trade["side"]).lower()
    if side not in ("buy", "sell"):
        raise ValueError(f"side is {trade['side']!r}, must be buy or sell")
    quantity = _whole("fill_qty", trade["fill_qty"])
    if quantity <= 0:
        raise ValueError(f"fill_qty is {quantity}, must be above 0; the side says which way")
    return (
        _nanoseconds(trade["timestamp"]),
        _finite("fill_price", trade["fill_price"]),
        quantity if side == "buy" else -quantity,
        _finite("realized_pnl", trade["realized_pnl"]),
        _whole("position", trade["position"]),
        _finite("pnl", trade["pnl"]),
    )


def _nanoseconds(value: Any) -> int:
    """Return a time as nanoseconds since 1970; one with a zone keeps its clock reading."""
    moment = NOT_A_TIME
    clock: Any = _ZONE.sub(r"\1", value) if isinstance(value, str) else value
    if getattr(clock, "tzinfo", None) is not None:
        clock = clock.replace(tzinfo=None)
    if hasattr(clock, "to_datetime64"):  # pandas' times are datetimes too, but have nanoseconds
        clock = clock.to_datetime64()
    if isinstance(clock, str | dt.date | np.datetime64):
        clock = np.datetime64(clock)
        if 1678 <= clock.astype("datetime64[Y]").astype("int64") + 1970 <= 2261:  # beyond, nanoseconds wrap around
            moment = int(clock.astype("datetime64[ns]").astype("int64"))
    if moment == NOT_A_TIME:
        raise ValueError(f"timestamp is {value!r}, must be a time between the years 1678 and 2261")
    return moment


def _finite(name: str, value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}, must be a finite number")
    return number


def _whole(name: str, value: Any) -> int:
    number = int(value)
    if number != value or abs(number) >= 2**63:
        raise ValueError(f"{name} is {value!r}, must be a whole number of shares")
    return number


def fill_table(fills: Fills) -> pa.Table:
    """Return `fills` as a table of `schema.FILL_DTYPES`."""
    sides = pa.DictionaryArray.from_arrays(_column((fills.quantities > 0).view("int8"), pa.int8()), _SIDES)
    columns = (
        _column(fills.timestamps, pa.timestamp("ns")),
        sides.cast(pa.string()),
        _column(fills.prices, pa.float64()),
        _column(np.abs(fills.quantities), pa.int64()),
        _column(fills.realized, pa.float64()),
        _column(fills.positions, pa.int64()),
        _column(fills.pnl, pa.float64()),
    )
    return pa.Table.from_arrays(list(columns), list(FILL_COLUMNS))


def _column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Return `values` as they lie in memory; pa.array would do, but imports pandas."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


_SIDES = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 4, 7], np.int32)), pa.py_buffer(b"sellbuy"))
