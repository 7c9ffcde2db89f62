"""Quotes that follow the best price on every event, with a cooldown of their quantity after a fill."""

from __future__ import annotations

from numba import njit

from dbatch.sim import Book, Level, Order, is_quoted
from dbatch_market_making.parameters import Limits
from dbatch_market_making.quoting import Quote


@njit(inline="always")
def follow(params: Limits, quote: Quote, level: Level, full_size: int, headroom: int, timestamp: int) -> Quote:
    """Return `quote` moved to `level`.

    Within the refill interval after the side's last fill only what is left of the order is quoted, else
    `full_size`; either is cut to `headroom`, the shares that `max_position` still allows. A new price joins the
    back of the queue, an unchanged one keeps its place. A level too thin to join withdraws the order, and a side
    that vanishes from the book leaves the old quote standing (a corner the published results contain, as they do
    the notional limit that has no effect here).
    """
    if not is_quoted(level):
        return quote
    order = quote.order
    size = order.remaining if timestamp < quote.due else full_size
    size = max(min(size, headroom), 0)
    if level.price * level.quantity >= params.threshold and size > 0:
        ahead = order.ahead if order.price == level.price else level.quantity
        return Quote(Order(level.price, ahead, size, True), quote.due)
    return Quote(Order(level.price, level.quantity, 0, False), quote.due)


@njit(inline="always")
def follow_both(params: Limits, book: Book, shares: int, bid: Quote, ask: Quote, timestamp: int) -> tuple[Quote, Quote]:
    """Return both quotes moved to the best prices of `book`, for a position of `shares`."""
    return (
        follow(params, bid, book.bid, params.bid_size, params.max_position - shares, timestamp),
        follow(params, ask, book.ask, params.ask_size, params.max_position + shares, timestamp),
    )
