"""Joins the best bid and ask, and quotes anew only when its refill interval has passed."""

from __future__ import annotations

from collections.abc import Mapping

from numba import njit

from dbatch.sim import TRADE, Book, Event, Fill, Level, Order, is_quoted, mid_price, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.parameters import NO_LIMIT, Limits, Parameters, limits
from dbatch_market_making.quoting import Quote, due_after, fill_quotes, restart
from dbatch_market_making.session import SESSION, begin_event, with_position
from dbatch_market_making.state import State, on_phase, start


@njit(inline="always")
def position_limit(params: Limits, book: Book) -> int:
    """Return the largest position in shares: `max_position`, or fewer when `max_notional` at the mid allows fewer."""
    limit = params.max_position
    if params.max_notional < NO_LIMIT:
        shares = params.max_notional / mid_price(book)
        if shares < limit:
            limit = int(shares)
    return limit


@njit(inline="always")
def refill(params: Limits, quote: Quote, book: Book, level: Level, full_size: int, held: int, timestamp: int) -> Quote:
    """Return `quote`, placed anew at `level` when its interval since the last placement or fill has passed.

    `held` is the position in the quote's direction: shares for a bid, minus shares for an ask. A level too thin
    to join withdraws the quote without restarting the interval: it is looked at again at once.
    """
    if timestamp < quote.due or not is_quoted(level):
        return quote
    size = max(min(full_size, position_limit(params, book) - held), 0)
    if level.price * level.quantity >= params.threshold and size > 0:
        return Quote(Order(level.price, level.quantity, size, True), due_after(params.refill, timestamp))
    return Quote(Order(level.price, level.quantity, 0, False), quote.due)


@njit(inline="always")
def on_event(params: Limits, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    """Return the state after `event` and its fills, in order of execution."""
    desk, flattened, quoting = begin_event(state.desk, event)
    if not quoting:
        bid, ask = restart(params.refill, state.bid, state.ask, flattened, event.timestamp)
        return State(desk, bid, ask), (flattened, no_fill())
    book = desk.book
    shares = desk.position.shares
    bid = refill(params, state.bid, book, book.bid, params.bid_size, shares, event.timestamp)
    ask = refill(params, state.ask, book, book.ask, params.ask_size, -shares, event.timestamp)
    if event.kind != TRADE:
        return State(desk, bid, ask), (no_fill(), no_fill())
    position, bid, ask, first, second = fill_quotes(params.refill, desk.position, bid, ask, event)
    return State(with_position(desk, position), bid, ask), (first, second)


def create_v1_baseline_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=Parameters, bind=limits, start=start, on_phase=on_phase, on_event=on_event, session=SESSION
    )
