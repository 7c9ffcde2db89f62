"""Enters at random and leaves after a while, at the prices of the market's trades: a strategy that cannot have skill.

It pays no spread and no fees, so that on average it earns nothing: what statistics find in it is chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from annotated_types import Ge, Gt
from numba import njit

from dbatch.sim import SECOND, TRADE, Event, Fill, Position, SessionWindows, execute, flat, no_fill
from dbatch.strategies import EventStrategy

OPEN: Final = 1
_FACTOR: Final = 6_364_136_223_846_793_005
_STEP: Final = 1_442_695_040_888_963_407
"""Of Knuth's linear congruential generator, modulo 2 to the 64th."""


class Parameters(NamedTuple):
    """What a user may set, for each security."""

    draw: Annotated[int, Ge(0), "number", "which series of random numbers: each is another run without skill"] = 0
    size: Annotated[int, Gt(0), "shares", "size of an entry"] = 1_000
    hold_sec: Annotated[int, Gt(0), "seconds", "how long a position is held"] = 600
    one_in: Annotated[int, Gt(0), "trades", "of so many trades of the market, one is an entry on average"] = 50


class State(NamedTuple):
    """What is carried from event to event: the position, since when, and the last random number."""

    position: Position
    since: int
    random: int


def bind(parameters: Parameters) -> Parameters:
    """Return the parameters as the compiled code reads them."""
    return parameters


@njit(inline="always")
def drawn(random: int) -> int:
    """Return the next random number: int64, its upper bits are the good ones."""
    return random * _FACTOR + _STEP


@njit(inline="always")
def start(params: Parameters) -> State:
    """Return the state before the first event: neighbouring draws are far apart after two steps."""
    return State(flat(), 0, drawn(drawn(params.draw * _STEP)))


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    """Return the state after `event` and its fill."""
    if event.kind != TRADE:
        return state, (no_fill(),)
    position = state.position
    if position.shares != 0:
        if event.phase == OPEN and event.timestamp < state.since + params.hold_sec * SECOND:
            return state, (no_fill(),)
        position, fill = execute(position, -position.shares, event.price)
        return State(position, 0, state.random), (fill,)
    random = drawn(state.random)
    high = (random >> 33) & 0x7FFFFFFF
    if event.phase != OPEN or (high >> 1) % params.one_in != 0:
        return State(position, 0, random), (no_fill(),)
    side = 1 if (random >> 62) & 1 else -1
    position, fill = execute(position, side * params.size, event.price)
    return State(position, event.timestamp, random), (fill,)


def create_random_entries_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=Parameters, bind=bind, start=start, on_event=on_event, session=SessionWindows.of("10:00", "14:45")
    )
