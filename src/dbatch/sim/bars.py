"""One bar as a compiled strategy sees it, and what it may answer."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit


class Bar(NamedTuple):
    """One finished bar: `timestamp` is its label in nanoseconds since 1970, prices are currency, `volume` shares.

    `number` counts the security's bars from 0, after those that the strategy leaves out as its warm-up.
    """

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    number: int


class Account(NamedTuple):
    """What a strategy holds as a bar ends: `units` signed, `entry` their average price in currency.

    `equity` is the capital and all P&L, costs taken off, the open position at this bar's close. `target` is the
    target position that was reached last, 0.0 after a stop or a profit was taken.
    """

    units: int
    entry: float
    equity: float
    target: float


class BarOrder(NamedTuple):
    """What a strategy wants at the end of a bar; `keep` and `go_to` make it.

    `target` is the position in full sizes: 1.0 is all that the sizing allows, long, -0.5 half of it, short, 0.0 none.
    `stop`, `profit` and `trail` are distances in currency from the price at which it fills, above 0, or 0.0 for those
    of the execution's settings.
    """

    acts: bool
    target: float
    stop: float
    profit: float
    trail: float


@njit(inline="always")
def keep() -> BarOrder:
    """Return the order that changes nothing."""
    return BarOrder(False, 0.0, 0.0, 0.0, 0.0)


@njit(inline="always")
def go_to(target: float) -> BarOrder:
    """Return the order for a position of `target` full sizes; nothing happens where it is that already."""
    return BarOrder(True, target, 0.0, 0.0, 0.0)


@njit(inline="always")
def go_protected(target: float, stop: float, profit: float, trail: float) -> BarOrder:
    """Return `go_to` with distances of its own for a stop, a profit to take and a trailing stop, 0.0 for none."""
    return BarOrder(True, target, stop, profit, trail)
