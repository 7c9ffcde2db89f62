"""The slope of a day's prices, from running sums."""

from __future__ import annotations

from typing import Final, NamedTuple

from numba import njit

FEWEST_TRADES: Final = 10
BASIS_POINTS: Final = 10_000.0


class Trend(NamedTuple):
    """Of the day's trades so far: how many, mean time in hours and mean price, and their sums of squares about them.

    `times` is the sum of (hour - mean hour)^2, `products` that of (hour - mean hour) x (price - mean price).
    """

    trades: int
    hour: float
    price: float
    times: float
    products: float


@njit(inline="always")
def no_trend() -> Trend:
    """Return the trend before the first trade."""
    return Trend(0, 0.0, 0.0, 0.0, 0.0)


@njit(inline="always")
def with_trade(trend: Trend, hour: float, price: float) -> Trend:
    """Return `trend` with one more trade.

    Source: Welford (1962), "Note on a method for calculating corrected sums of squares and products",
    Technometrics 4(3), 419-420. Trades at one time alone leave `times` at exactly 0.
    """
    trades = trend.trades + 1
    early = hour - trend.hour
    mean_hour = trend.hour + early / trades
    mean_price = trend.price + (price - trend.price) / trades
    times = trend.times + early * (hour - mean_hour)
    products = trend.products + early * (price - mean_price)
    return Trend(trades, mean_hour, mean_price, times, products)


@njit(inline="always")
def slope_bps(trend: Trend) -> float:
    """Return the least-squares slope of price on time, in basis points of the mean price an hour.

    It is 0.0 with fewer than ten trades, or where all have one time.
    """
    if trend.trades < FEWEST_TRADES or not trend.times > 0.0:
        return 0.0
    return trend.products / trend.times / trend.price * BASIS_POINTS
