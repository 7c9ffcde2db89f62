"""Quotes on both sides of the book, and how trades fill them."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from dbatch.sim import Event, Fill, Order, Position, execute, match_trade, no_fill, no_order
from dbatch_market_making.session import NEVER


class Quote(NamedTuple):
    """One side's order and the time in nanoseconds that its refill interval counts from (`NEVER` at first)."""

    order: Order
    stamped: int


@njit(inline="always")
def no_quote() -> Quote:
    """Return a side that has never been quoted or filled."""
    return Quote(no_order(), NEVER)


@njit(inline="always")
def is_waiting(quote: Quote, timestamp: int, interval: int) -> bool:
    """Return whether fewer than `interval` nanoseconds have passed since the side's stamp."""
    return quote.stamped != NEVER and timestamp - quote.stamped < interval


@njit(inline="always")
def stamp(bid: Quote, ask: Quote, fill: Fill, timestamp: int) -> tuple[Quote, Quote]:
    """Return both sides, the one that `fill` belongs to stamped: every fill restarts its side's interval."""
    if fill.quantity > 0:
        return Quote(bid.order, timestamp), ask
    if fill.quantity < 0:
        return bid, Quote(ask.order, timestamp)
    return bid, ask


@njit(inline="always")
def fill_quotes(position: Position, bid: Quote, ask: Quote, trade: Event) -> tuple[Position, Quote, Quote, Fill, Fill]:
    """Return position and quotes after `trade`, and the ask's and the bid's fill, in that order.

    Each side takes the full volume of the trade, at the trade's price, and does not see the other's fill.
    """
    ask_fill = no_fill()
    bid_fill = no_fill()
    if ask.order.live and trade.price >= ask.order.price:
        order, filled = match_trade(ask.order, trade.volume)
        position, ask_fill = execute(position, -filled, trade.price)
        ask = Quote(order, trade.timestamp if filled > 0 else ask.stamped)
    if bid.order.live and trade.price <= bid.order.price:
        order, filled = match_trade(bid.order, trade.volume)
        position, bid_fill = execute(position, filled, trade.price)
        bid = Quote(order, trade.timestamp if filled > 0 else bid.stamped)
    return position, bid, ask, ask_fill, bid_fill
