"""FAULTY, a compiled strategy over bars: its mean is centred, as a smoother's is, half of it lies ahead."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from dbatch.sim import Account, Bar, BarOrder, go_to
from dbatch.strategies import BarStrategy, Indicator, execution_of, with_execution

HALF = 5


class Own(NamedTuple):
    """Nothing besides the execution."""


class Params(NamedTuple):
    """What the compiled code reads."""

    nothing: int


class State(NamedTuple):
    """Nothing is carried from bar to bar."""

    nothing: int


class Values(NamedTuple):
    """The mean at one bar."""

    mean: float


def centred_mean(bars: Any) -> np.ndarray:
    """Return the mean of each close, the five before it and the five after it."""
    padded = np.pad(bars.closes, HALF, mode="edge")
    return np.convolve(padded, np.full(2 * HALF + 1, 1.0 / (2 * HALF + 1)), mode="valid")


def bind(parameters: Any) -> Params:
    """Return the scalars of the compiled code."""
    return Params(0)


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first bar."""
    return State(0)


@njit(inline="always")
def on_bar(params: Params, state: State, bar: Bar, values: Values, account: Account) -> tuple[State, BarOrder]:
    """Return the order: long below the mean, short above it."""
    return state, go_to(1.0 if bar.close < values.mean else -1.0)


def create_centred_mean_handler(config: Any) -> BarStrategy:
    """Return the strategy."""
    return BarStrategy(
        parameters=with_execution(Own),
        bind=bind,
        execution=execution_of,
        start=start,
        on_bar=on_bar,
        indicators=(Indicator(centred_mean),),
    )
