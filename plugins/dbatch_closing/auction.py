"""The closing auction: the day's VWAP, the orders it gives, and what the auction makes of them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from dbatch.sim import Event, Fill, Position, execute, no_fill
from dbatch_closing.parameters import Params
from dbatch_closing.tick_sizes import round_to_tick
from dbatch_closing.trend import Trend, slope_bps

MOST_SHARES: Final = 1e15


class Vwap(NamedTuple):
    """Value and volume of the trades in the window before the auction's call."""

    value: float
    volume: int


class Entries(NamedTuple):
    """The orders in the auction: `vwap` that they were placed at, prices of both sides, shares (0 is no order)."""

    vwap: float
    buy_price: float
    buy_shares: int
    sell_price: float
    sell_shares: int


class Close(NamedTuple):
    """The auction's first trade and the volume of all its trades; `timestamp` is `NO_CLOSE` before the first."""

    timestamp: int
    price: float
    volume: int


NO_CLOSE: Final = -(2**63)


@njit(inline="always")
def no_entries() -> Entries:
    """Return the orders of a day before they are placed."""
    return Entries(0.0, 0.0, 0, 0.0, 0)


@njit(inline="always")
def place(params: Params, vwap: Vwap, trend: Trend) -> Entries:
    """Return the orders for the auction: a buy below and a sell above the VWAP; without shares where nothing traded.

    Both are worth `order_notional` at the VWAP, to the nearest share. A trend beyond its threshold suppresses the
    order against it.
    """
    has_traded = vwap.value > 0.0 and vwap.volume > 0
    price = vwap.value / vwap.volume if has_traded else 1.0
    shares = int(min(np.rint(params.notional / price), MOST_SHARES)) if has_traded else 0
    slope = slope_bps(trend)
    buys = 0 if params.filters_buys and slope < -params.most_fall else shares
    sells = 0 if params.filters_sells and slope > params.most_rise else shares
    buy_price = round_to_tick(price * (1 - params.spread), params.exchange)
    sell_price = round_to_tick(price * (1 + params.spread), params.exchange)
    return Entries(price, buy_price, buys, sell_price, sells)


@njit(inline="always")
def with_print(close: Close, event: Event) -> Close:
    """Return the auction after one of its trades."""
    if close.timestamp == NO_CLOSE:
        return Close(event.timestamp, event.price, event.volume)
    return Close(close.timestamp, close.price, close.volume + event.volume)


@njit(inline="always")
def enter(params: Params, entries: Entries, close: Close, position: Position) -> tuple[Position, Fill, Fill]:
    """Return the position after the auction, and the fills of the buy and of the sell order, at the closing price.

    An order that the price reaches gets its shares, but no more than `auction_fill_pct` of the auction's volume.
    """
    buy = no_fill()
    sell = no_fill()
    most = int(close.volume * params.fill_share)
    if close.price <= entries.buy_price:
        position, buy = execute(position, max(min(entries.buy_shares, most), 0), close.price)
    if close.price >= entries.sell_price:
        position, sell = execute(position, -max(min(entries.sell_shares, most), 0), close.price)
    return position, buy, sell
