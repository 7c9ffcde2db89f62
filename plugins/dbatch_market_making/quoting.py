"""Quotes on both sides of the book, and how trades fill them."""

from __future__ import annotations

from typing import Final, NamedTuple

from numba import njit

from dbatch.sim import Event, Fill, Order, Position, execute, match_trade, no_fill, no_order
from dbatch_market_making.session import NEVER

LATEST: Final = 2**63 - 1


class Quote(NamedTuple):
    """One side's order, and the time in nanoseconds from which on its refill interval is over."""

    order: Order
    due: int


@njit(inline="always")
def no_quote() -> Quote:
    """Return a side that has never been quoted or filled."""
    return Quote(no_order(), NEVER)


@njit(inline="always")
def due_after(interval: int, timestamp: int) -> int:
    """Return when a refill interval is over that begins at `timestamp`; the end of time where it lies beyond."""
    return timestamp + min(interval, LATEST - max(timestamp, 0))


@njit(inline="always")
def restart(interval: int, bid: Quote, ask: Quote, fill: Fill, timestamp: int) -> tuple[Quote, Quote]:
    """Return both sides; every fill restarts the refill interval of its side."""
    if fill.quantity > 0:
        return Quote(bid.order, due_after(interval, timestamp)), ask
    if fill.quantity < 0:
        return bid, Quote(ask.order, due_after(interval, timestamp))
    return bid, ask


@njit(inline="always")
def fill_quotes(
    interval: int, position: Position, bid: Quote, ask: Quote, trade: Event
) -> tuple[Position, Quote, Quote, Fill, Fill]:
    """Return position and quotes after `trade`, and the ask's and the bid's fill, in that order.

    Each side takes the full volume of the trade, at the trade's price, and does not see the other's fill.
    """
    ask_fill = no_fill()
    bid_fill = no_fill()
    if ask.order.live and trade.price >= ask.order.price:
        order, filled = match_trade(ask.order, trade.volume)
        position, ask_fill = execute(position, -filled, trade.price)
        ask = Quote(order, due_after(interval, trade.timestamp) if filled > 0 else ask.due)
    if bid.order.live and trade.price <= bid.order.price:
        order, filled = match_trade(bid.order, trade.volume)
        position, bid_fill = execute(position, filled, trade.price)
        bid = Quote(order, due_after(interval, trade.timestamp) if filled > 0 else bid.due)
    return position, bid, ask, ask_fill, bid_fill
