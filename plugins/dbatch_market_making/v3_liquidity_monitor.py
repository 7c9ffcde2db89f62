"""Follows the best bid and ask where enough is displayed, and queues behind all of it anew at every event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numba import njit

from dbatch.sim import DAY, TRADE, Book, Event, Fill, Level, Order, is_quoted, no_fill, time_of_day
from dbatch.strategies import EventStrategy
from dbatch_market_making.parameters import Limits, Parameters, limits
from dbatch_market_making.quoting import Quote, fill_quotes, restart
from dbatch_market_making.session import SESSION, begin_event, with_position
from dbatch_market_making.state import State, on_phase, start

FIRST_QUOTE: Final = time_of_day("10:05")
"""The first five minutes of the session are watched only: trades then fill nothing, for no quote is live."""


@njit(inline="always")
def monitor(
    params: Limits, quote: Quote, level: Level, full_size: int, headroom: int, may_quote: bool, timestamp: int
) -> Quote:
    """Return `quote` moved to `level`, where it stands behind all that is displayed.

    Size and headroom are those of `following.follow`. It differs in that an unchanged price loses its place in the
    queue at every event, so that single trades larger than the displayed depth alone fill us (the published rule),
    and in that nothing is quoted unless `may_quote`. A side that vanishes from the book leaves the old quote standing.
    """
    if not is_quoted(level):
        return quote
    size = quote.order.remaining if timestamp < quote.due else full_size
    size = max(min(size, headroom), 0)
    if may_quote and level.price * level.quantity >= params.threshold and size > 0:
        return Quote(Order(level.price, level.quantity, size, True), quote.due)
    return Quote(Order(level.price, 0, 0, False), quote.due)


@njit(inline="always")
def monitor_both(params: Limits, book: Book, shares: int, bid: Quote, ask: Quote, event: Event) -> tuple[Quote, Quote]:
    """Return both quotes moved to the best prices of `book` after `event`, for a position of `shares`."""
    may_quote = event.timestamp - event.day * DAY >= FIRST_QUOTE
    at = event.timestamp
    return (
        monitor(params, bid, book.bid, params.bid_size, params.max_position - shares, may_quote, at),
        monitor(params, ask, book.ask, params.ask_size, params.max_position + shares, may_quote, at),
    )


@njit(inline="always")
def on_event(params: Limits, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    """Return the state after `event` and its fills, in order of execution."""
    desk, flattened, quoting = begin_event(state.desk, event)
    if not quoting:
        bid, ask = restart(params.refill, state.bid, state.ask, flattened, event.timestamp)
        return State(desk, bid, ask), (flattened, no_fill())
    bid, ask = monitor_both(params, desk.book, desk.position.shares, state.bid, state.ask, event)
    if event.kind != TRADE:
        return State(desk, bid, ask), (no_fill(), no_fill())
    position, bid, ask, first, second = fill_quotes(params.refill, desk.position, bid, ask, event)
    return State(with_position(desk, position), bid, ask), (first, second)


def create_v3_liquidity_monitor_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=Parameters, bind=limits, start=start, on_phase=on_phase, on_event=on_event, session=SESSION
    )
