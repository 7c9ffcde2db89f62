"""What a strategy that quotes both sides carries from event to event."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from dbatch_market_making.parameters import Limits
from dbatch_market_making.quoting import Quote, no_quote
from dbatch_market_making.session import Desk, begin_phase, new_desk


class State(NamedTuple):
    """The desk and its two quotes."""

    desk: Desk
    bid: Quote
    ask: Quote


@njit(inline="always")
def start(params: Limits) -> State:
    """Return the state before the first event."""
    return State(new_desk(), no_quote(), no_quote())


@njit(inline="always")
def on_phase(params: Limits, state: State, day: int, phase: int) -> State:
    """Return the state before the first event of a phase of a day."""
    return State(begin_phase(state.desk, day, phase), state.bid, state.ask)
