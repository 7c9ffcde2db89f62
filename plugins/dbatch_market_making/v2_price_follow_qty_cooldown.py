"""Follows the best bid and ask on every event; after a fill only what is left is quoted until a cooldown ends."""

from __future__ import annotations

from collections.abc import Mapping

from numba import njit

from dbatch.sim import TRADE, Event, Fill, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.following import follow_both
from dbatch_market_making.parameters import Limits, Parameters, limits
from dbatch_market_making.quoting import fill_quotes, stamp
from dbatch_market_making.session import SESSION, begin_event, with_position
from dbatch_market_making.state import State, start


@njit(inline="always")
def on_event(params: Limits, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    """Return the state after `event` and its fills, in order of execution."""
    desk, first, quoting = begin_event(state.desk, event)
    bid, ask = stamp(state.bid, state.ask, first, event.timestamp)
    second = no_fill()
    if quoting:
        bid, ask = follow_both(params, desk.book, desk.position.shares, bid, ask, event.timestamp)
        if event.kind == TRADE:
            position, bid, ask, first, second = fill_quotes(desk.position, bid, ask, event)
            desk = with_position(desk, position)
    return State(desk, bid, ask), (first, second)


def create_v2_price_follow_qty_cooldown_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(parameters=Parameters, bind=limits, start=start, on_event=on_event, session=SESSION)
