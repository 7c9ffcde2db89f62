"""A vectorised strategy as a compiled one: its signals are an indicator, and it follows their changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from dbatch.sim import Account, Bar, BarOrder, go_to, keep
from dbatch.strategies import BarStrategy, Indicator, SignalStrategy


class Nothing(NamedTuple):
    """A strategy without parameters of its own."""

    nothing: int


class Followed(NamedTuple):
    """The target that was wanted last."""

    target: float


class Signal(NamedTuple):
    """The target that is wanted now, NaN for the one before."""

    target: float


@njit(inline="always")
def start(params: Nothing) -> Followed:
    """Return the state before the first bar."""
    return Followed(0.0)


@njit(inline="always")
def on_bar(params: Nothing, state: Followed, bar: Bar, values: Signal, account: Account) -> tuple[Followed, BarOrder]:
    """Return the order for the target where it is another one than before."""
    if values.target == values.target and values.target != state.target:
        return Followed(values.target), go_to(values.target)
    return state, keep()


@dataclass(frozen=True)
class _Signals:
    """The signals of a vectorised strategy as a function of bars and the values of its parameters."""

    signals: Callable[[Any, Any], np.ndarray]
    parameters: type[tuple[Any, ...]]

    def __call__(self, bars: Any, *values: Any) -> np.ndarray:
        return self.signals(bars, self.parameters(*values))


def _nothing(parameters: Any) -> Nothing:
    return Nothing(0)


def follower(strategy: SignalStrategy) -> BarStrategy:
    """Return the compiled strategy that follows the signals of `strategy`."""
    declared: Any = strategy.parameters
    return BarStrategy(
        parameters=strategy.parameters,
        bind=_nothing,
        execution=strategy.execution,
        start=start,
        on_bar=on_bar,
        indicators=(Indicator(_Signals(strategy.signals, strategy.parameters), declared._fields),),
        warm_up=strategy.warm_up,
        looks_ahead=strategy.looks_ahead,
    )
