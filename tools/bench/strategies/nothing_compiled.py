"""A compiled strategy that does nothing."""

from typing import Annotated, NamedTuple

from annotated_types import Ge
from numba import njit

from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy


class Parameters(NamedTuple):
    """What tells one job from the next."""

    number: Annotated[int, Ge(0), "", "any number"] = 0


class State(NamedTuple):
    """How many events there were."""

    events: int


def bind(parameters: Parameters) -> Parameters:
    """Return the parameters as they are."""
    return parameters


@njit(inline="always")
def start(params: Parameters) -> State:
    """Return the state before the first event."""
    return State(0)


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    """Return the state after an event, and no fill."""
    return State(state.events + 1), (no_fill(),)


def create_nothing_compiled_handler(config: object) -> EventStrategy:
    """Return the strategy."""
    return EventStrategy(Parameters, bind, start, on_event)
