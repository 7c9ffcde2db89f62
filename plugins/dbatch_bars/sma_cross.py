"""SMA cross: long while the fast mean of the closes is above the slow one, short while it is below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge
from numba import njit

from dbatch.sim import Account, Bar, BarOrder, go_to, keep
from dbatch.strategies import BarStrategy, Indicator, execution_of, with_execution
from dbatch_bars.indicators import simple_mean


class OwnParameters(NamedTuple):
    """What a user may set besides the execution."""

    fast: Annotated[int, Ge(1), "bars", "of the fast mean"] = 10
    slow: Annotated[int, Ge(1), "bars", "of the slow mean"] = 30


Parameters: Any = with_execution(OwnParameters)


class Params(NamedTuple):
    """The compiled code reads the means alone."""

    nothing: int


class State(NamedTuple):
    """The side on which the fast mean was last: 1.0 above, -1.0 below, 0.0 unknown."""

    side: float


class Values(NamedTuple):
    """The two means at one bar, NaN where there are too few bars."""

    fast: float
    slow: float


def mean_of_closes(bars: Any, window: int) -> np.ndarray:
    """Return the mean of the last `window` closes."""
    return simple_mean(bars.closes, window)


def bind(parameters: Any) -> Params:
    """Return the scalars of the compiled code."""
    return Params(0)


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first bar."""
    return State(0.0)


@njit(inline="always")
def on_bar(params: Params, state: State, bar: Bar, values: Values, account: Account) -> tuple[State, BarOrder]:
    """Return the side after `bar`, and an order where it is another one than before."""
    if values.fast > values.slow and state.side <= 0.0:
        return State(1.0), go_to(1.0)
    if values.fast < values.slow and state.side >= 0.0:
        return State(-1.0), go_to(-1.0)
    return state, keep()


def create_sma_cross_handler(config: Mapping[str, Mapping[str, object]]) -> BarStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return BarStrategy(
        parameters=Parameters,
        bind=bind,
        execution=execution_of,
        start=start,
        on_bar=on_bar,
        indicators=(Indicator(mean_of_closes, ("fast",)), Indicator(mean_of_closes, ("slow",))),
    )
