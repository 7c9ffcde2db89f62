"""Follows the best bid and ask on every event; after a fill only what is left is quoted until a cooldown ends."""

from __future__ import annotations

from collections.abc import Mapping

from numba import njit

from dbatch.sim import TRADE, Event, Fill, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.following import follow_both
from dbatch_market_making.parameters import Limits, Parameters, limits
from dbatch_market_making.quoting import fill_quotes, restart
from dbatch_market_making.session import SESSION, begin_event, with_position
from dbatch_market_making.state import State, on_phase, start


@njit(inline="always")
def on_event(params: Limits, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    """Return the state after `event` and its fills, in order of execution."""
    desk, flattened, quoting = begin_event(state.desk, event)
    if not quoting:
        bid, ask = restart(params.refill, state.bid, state.ask, flattened, event.timestamp)
        return State(desk, bid, ask), (flattened, no_fill())
    bid, ask = follow_both(params, desk.book, desk.position.shares, state.bid, state.ask, event.timestamp)
    if event.kind != TRADE:
        return State(desk, bid, ask), (no_fill(), no_fill())
    position, bid, ask, first, second = fill_quotes(params.refill, desk.position, bid, ask, event)
    return State(with_position(desk, position), bid, ask), (first, second)


def create_v2_price_follow_qty_cooldown_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=Parameters, bind=limits, start=start, on_phase=on_phase, on_event=on_event, session=SESSION
    )
