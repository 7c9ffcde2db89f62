"""Strategies over bars: compiled, bar by bar, or vectorised, a target position for each bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dbatch.sim.execution import Execution
from dbatch.strategies.event import EventStrategy


@dataclass(frozen=True)
class Indicator:
    """A column of numbers that a strategy looks at, computed once for all parameter sets that it is the same for.

    `function(bars, *values)` gets all bars of a security (arrays `timestamps`, `opens`, `highs`, `lows`, `closes`,
    `volumes`) and the values of the parameters that `depends_on` names, and returns a float64 array as long as the
    bars. It should use, for each bar, that bar and those before alone: `dbatch check lookahead` finds out.
    """

    function: Callable[..., np.ndarray]
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class LookAhead:
    """What a strategy is known to know before it can: `reason` says it to people.

    `within` says how far ahead it looks at most: to the end of the "day" or of the ISO "week" (UTC), or over all of the
    "data". Cut where such a period ends, data must give the same decisions.
    """

    reason: str
    within: Literal["day", "week", "data"]


@dataclass(frozen=True)
class BarStrategy:
    """What `create_<strategy>_handler` returns for a compiled strategy over bars.

    `parameters` is a NamedTuple class of what a user may set; `bind` turns an instance of it into the NamedTuple of
    scalars that the compiled code reads, `execution` into how orders are executed. `start(params)` returns the state
    before the first bar; `on_bar(params, state, bar, values, account)` the state after it and a `BarOrder`. `values` is
    a NamedTuple of floats, one for each of `indicators`, in their order; without indicators there is no such argument.
    Both are `@njit(inline="always")`, annotated and at the top level of their module, as those of `EventStrategy`.
    `warm_up` is the number of bars that are left out at the beginning, for all parameter sets alike; indicators have
    seen them. `looks_ahead` names what the strategy knows too early and keeps on purpose: checks tell it.
    """

    parameters: type[tuple[Any, ...]]
    bind: Callable[[Any], Any]
    execution: Callable[[Any], Execution]
    start: Any
    on_bar: Any
    indicators: tuple[Indicator, ...] = ()
    warm_up: int = 0
    looks_ahead: LookAhead | None = None


@dataclass(frozen=True)
class SignalStrategy:
    """What `create_<strategy>_handler` returns for a vectorised strategy over bars.

    `signals(bars, parameters)` gets all bars of a security, as an `Indicator` does, and an instance of `parameters`;
    it returns for each bar the target position that it wants from that bar's close on: a float64 array in full sizes,
    1.0 long, -1.0 short, 0.0 none, NaN for leaving it as it is. An order is a change of the target; who was stopped out
    waits for the next change. `execution`, `warm_up` and `looks_ahead` as in `BarStrategy`.
    """

    parameters: type[tuple[Any, ...]]
    signals: Callable[[Any, Any], np.ndarray]
    execution: Callable[[Any], Execution]
    warm_up: int = 0
    looks_ahead: LookAhead | None = None


CompiledStrategy = EventStrategy | BarStrategy | SignalStrategy
"""The kinds of strategy whose parameters dbatch checks and binds, and that run in its own loop."""
