"""Bars made of trades.

Intervals are counted from midnight of the exchange's clock, and a bar is labelled with the time its interval opens. Its
open, high, low and close are of the trades in it, in the order of the file, its volume their sum. A trade whose time is
earlier than the bar being made (files have small backward jumps) belongs to that bar: time never goes back, so that a
bar is finished when the next one begins. An interval without trades makes no bar. The last bar ends where the data
does.

Trades count that have a time and a price above zero, whatever their volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from dbatch.data.bars import BarBlock, bar_block
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.errors import UsageError
from dbatch.schema import EVENT_TYPES

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second"), _SECOND),
    **dict.fromkeys(("m", "min", "minute", "t"), 60 * _SECOND),
    **dict.fromkeys(("h", "hour"), 3600 * _SECOND),
    **dict.fromkeys(("d", "day"), _DAY),
}
_INTERVAL: Final = re.compile(r"(\d{0,6})\s*([a-z]+?)s?")
_TRADE: Final = EVENT_TYPES.index("trade")


class OpenBar(NamedTuple):
    """A bar that is being made: its label in nanoseconds since 1970, prices in currency, volume in shares."""

    label: int
    open: float
    high: float
    low: float
    close: float
    volume: int


def interval_of(text: str) -> int:
    """Return the nanoseconds of an interval such as 30s, 5min, 1h or 1d.

    Raises UsageError for what is none, or does not divide a day, for bars then would not begin at midnight.

    >>> interval_of("5min") == 300 * 10**9
    True
    """
    match = _INTERVAL.fullmatch(text.strip().lower())
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None or match[1] in ("0", "00"):
        raise UsageError(f"bars of {text!r}: not an interval such as 30s, 5min, 1h or 1d")
    length = int(match[1] or 1) * unit
    if _DAY % length:
        raise UsageError(f"bars of {text!r}: must divide a day, as 30s, 5min, 1h and 1d do")
    return length


def interval_name(text: str) -> str:
    """Return the one spelling of the interval `text`: 300s and 5m are 5min. Raises UsageError."""
    return length_name(interval_of(text))


def length_name(length: int) -> str:
    """Return how an interval of `length` nanoseconds is spelled: in the largest unit that gives a whole number."""
    for name, unit in (("d", _DAY), ("h", 3600 * _SECOND), ("min", 60 * _SECOND)):
        if length % unit == 0:
            return f"{length // unit}{name}"
    return f"{length / _SECOND:g}s"


def bars_of_trades(blocks: Iterable[EventBlock], interval: str) -> Iterator[BarBlock]:
    """Yield the bars of the trades in `blocks`; where these are cut changes nothing but where the bars are."""
    length = interval_of(interval)
    begun: OpenBar | None = None
    for block in blocks:
        bars, begun = add_trades(begun, block, length)
        if len(bars):
            yield bars
    if begun is not None:
        yield bar_block(*(np.array([value]) for value in begun))


def add_trades(begun: OpenBar | None, block: EventBlock, length: int) -> tuple[BarBlock, OpenBar | None]:
    """Return the bars that the trades of `block` finish, and the one being made after them.

    `begun` is what was being made before them, None for nothing; `length` the interval in nanoseconds.
    """
    keep = (block.kinds == _TRADE) & (block.timestamps != NOT_A_TIME) & (block.prices > 0) & np.isfinite(block.prices)
    times, prices, volumes = block.timestamps[keep], block.prices[keep], block.volumes[keep]
    if len(times) == 0:
        return _no_bars(), begun
    labels = times // length * length
    if begun is not None:  # the bar being made goes first, as trades that give it again
        labels = np.concatenate([np.full(4, begun.label), labels])
        prices = np.concatenate([[begun.open, begun.high, begun.low, begun.close], prices])
        volumes = np.concatenate([[begun.volume, 0, 0, 0], volumes])
    labels = np.maximum.accumulate(labels)
    first = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    last = np.append(first[1:], len(labels)) - 1
    columns = (
        labels[first],
        prices[first],
        np.maximum.reduceat(prices, first),
        np.minimum.reduceat(prices, first),
        prices[last],
        np.add.reduceat(volumes, first),
    )
    label, opens, high, low, close, volume = (column[-1] for column in columns)
    open_bar = OpenBar(int(label), float(opens), float(high), float(low), float(close), int(volume))
    return bar_block(*(column[:-1] for column in columns)), open_bar


def _no_bars() -> BarBlock:
    return bar_block(*[np.empty(0)] * 6)
