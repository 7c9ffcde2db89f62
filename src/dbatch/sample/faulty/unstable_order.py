"""FAULTY, a compiled strategy over ticks: it wants events of one time in an order that depends on all of the data."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from annotated_types import Gt
from numba import njit

from dbatch.sim import TRADE, Event, Fill, Position, execute, flat, no_fill
from dbatch.strategies import EventOrder, EventStrategy


class Parameters(NamedTuple):
    """What a user may set."""

    size: Annotated[int, Gt(0), "shares", "bought and sold by turns, at each trade"] = 100


class State(NamedTuple):
    """The position."""

    position: Position


def bind(parameters: Parameters) -> Parameters:
    """Return the parameters as the compiled code reads them."""
    return parameters


def order(parameters: Any) -> EventOrder:
    """Return the order of numpy's default sort."""
    return "unstable_time"


@njit(inline="always")
def start(params: Parameters) -> State:
    """Return the state before the first event."""
    return State(flat())


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    """Return the state after `event`: each trade of the market is one of ours."""
    if event.kind != TRADE:
        return state, (no_fill(),)
    units = params.size if state.position.shares == 0 else -params.size
    position, fill = execute(state.position, units, event.price)
    return State(position), (fill,)


def create_unstable_order_handler(config: Any) -> EventStrategy:
    """Return the strategy."""
    return EventStrategy(parameters=Parameters, bind=bind, start=start, on_event=on_event, order=order)
