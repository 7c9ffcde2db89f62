"""BigBar: enters with a bar that is large for its time, trails a stop below the lows, sits out the ends of weeks.

The week rule looks ahead: which bars are the last six of a week is known only when the week is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge
from numba import njit

from dbatch.sim import Account, Bar, BarOrder, Execution, go_to, keep
from dbatch.strategies import BarStrategy, Indicator, LookAhead, execution_of, with_execution
from dbatch_bars.indicators import average_true_range

WARM_UP = 99
"""Bars before the average true range over 100 of them exists: left out for every period, so that sets compare."""

RESTRICTED_BARS = 6
WEEK_RULE = LookAhead("which bars are the last six of an ISO week is known only when the week is over", "week")
FIRST_BARS = 5
FIRST_STOP_SHARE = 0.01
_WEEK = 7 * 86_400_000_000_000
_FROM_MONDAY = 3 * 86_400_000_000_000
"""1970 began on a Thursday."""


class OwnParameters(NamedTuple):
    """What a user may set, in whole numbers as the sweeps of this strategy count them."""

    atr_period: Annotated[int, Ge(1), "bars", "of the average true range"] = 20
    k_atr_int: Annotated[int, Ge(0), "0.1", "least size of an entry bar, in average true ranges"] = 20
    uptail_max_ratio_int: Annotated[int, Ge(0), "0.1", "the tail of an entry bar must be below this share of it"] = 7
    previous_weight_int: Annotated[int, Ge(0), "0.1", "least weight of the bars before, in bodies of the entry bar"] = 1
    buffer_ratio_int: Annotated[int, Ge(0), "0.01", "of the entry bar's size, from its end to the first stop"] = 1


Parameters: Any = with_execution(OwnParameters, fill_at="close", fraction=1.0)


class Params(NamedTuple):
    """The parameters as the compiled code reads them: shares, and the first bar that may enter."""

    first_bar: int
    k: float
    uptail: float
    previous_weight: float
    buffer: float


class State(NamedTuple):
    """Range of the entry bar, the stop in currency, bars since the entry; and the bar before this one."""

    entry_high: float
    entry_low: float
    stop: float
    age: int
    previous_high: float
    previous_low: float


class Values(NamedTuple):
    """The indicators at one bar; `restricted` is 1.0 in the first and the last six bars of a week."""

    atr: float
    pressure: float
    restricted: float


def restricted_bars(bars: Any) -> np.ndarray:
    """Return 1.0 for the first and the last six bars of each ISO week (UTC), else 0.0: float64, one value a bar."""
    weeks = (bars.timestamps + _FROM_MONDAY) // _WEEK
    begins = np.flatnonzero(np.diff(weeks, prepend=weeks[:1] - 1))
    ends = np.append(begins[1:], len(weeks))
    lengths = ends - begins
    from_begin = np.arange(len(weeks)) - np.repeat(begins, lengths)
    to_end = np.repeat(ends, lengths) - np.arange(len(weeks))
    found: np.ndarray = ((from_begin < RESTRICTED_BARS) | (to_end <= RESTRICTED_BARS)).astype(np.float64)
    return found


def pressure(bars: Any) -> np.ndarray:
    """Return the weighted moves (close - open) of the three bars before each, in bodies of it; 0.0 without a body.

    The one before counts three times, the one before that twice; 0.0 for the first three bars.
    """
    moves = bars.closes - bars.opens
    body = np.abs(moves)
    weighted = np.zeros(len(moves))
    weighted[3:] = moves[:-3] + 2.0 * moves[1:-2] + 3.0 * moves[2:-1]
    return np.asarray(np.divide(weighted, body, out=np.zeros(len(moves)), where=body != 0.0))


def bind(parameters: Any) -> Params:
    """Return the scalars of the compiled code."""
    return Params(
        first_bar=parameters.atr_period + FIRST_BARS,
        k=parameters.k_atr_int / 10,
        uptail=parameters.uptail_max_ratio_int / 10,
        previous_weight=parameters.previous_weight_int / 10,
        buffer=parameters.buffer_ratio_int / 100,
    )


def execution(parameters: Any) -> Execution:
    """Return the settings of the execution: a position has at least one unit, whatever the account holds."""
    return _at_least_one(execution_of(parameters))


@lru_cache(maxsize=4096)
def _at_least_one(settings: Execution) -> Execution:
    return settings._replace(least_units=1)


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first bar."""
    return State(0.0, 0.0, 0.0, 0, 0.0, 0.0)


@njit(inline="always")
def entry_side(params: Params, bar: Bar, values: Values) -> int:
    """Return 1 to buy at this bar's close, -1 to sell, 0 for neither."""
    size = bar.high - bar.low
    if not (values.atr > 0.0 and size >= params.k * values.atr):
        return 0
    tail = params.uptail * size
    if bar.close > bar.open and values.pressure >= params.previous_weight and bar.high - bar.close < tail:
        return 1
    if bar.close < bar.open and values.pressure <= -params.previous_weight and bar.close - bar.low < tail:
        return -1
    return 0


@njit(inline="always")
def held(state: State, bar: Bar, is_long: bool) -> tuple[float, bool]:
    """Return the stop after this bar of a position, and whether the position is closed at its close."""
    step = FIRST_STOP_SHARE * (state.entry_high - state.entry_low)
    if state.age == 0:
        if is_long:
            weak = bar.close <= bar.open or bar.high <= state.entry_high
            return (state.stop if weak else max(state.stop, bar.low - step)), weak
        weak = bar.close >= bar.open or bar.low >= state.entry_low
        return (state.stop if weak else min(state.stop, bar.high + step)), weak
    if is_long:
        stop = max(state.stop, min(bar.low, state.previous_low))
        return stop, bar.low <= stop
    stop = min(state.stop, max(bar.high, state.previous_high))
    return stop, bar.high >= stop


@njit(inline="always")
def on_bar(params: Params, state: State, bar: Bar, values: Values, account: Account) -> tuple[State, BarOrder]:
    """Return the state after `bar`, and what to do at its close."""
    if account.units != 0:
        stop, closes = held(state, bar, account.units > 0)
        order = go_to(0.0) if closes or values.restricted != 0.0 else keep()
        return State(state.entry_high, state.entry_low, stop, state.age + 1, bar.high, bar.low), order
    if values.restricted == 0.0 and bar.number >= params.first_bar:
        side = entry_side(params, bar, values)
        if side != 0:
            buffer = params.buffer * (bar.high - bar.low)
            stop = bar.low - buffer if side > 0 else bar.high + buffer
            return State(bar.high, bar.low, stop, 0, bar.high, bar.low), go_to(float(side))
    return state, keep()


def create_bigbar_handler(config: Mapping[str, Mapping[str, object]]) -> BarStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return BarStrategy(
        parameters=Parameters,
        bind=bind,
        execution=execution,
        start=start,
        on_bar=on_bar,
        indicators=(Indicator(average_true_range, ("atr_period",)), Indicator(pressure), Indicator(restricted_bars)),
        warm_up=WARM_UP,
        looks_ahead=WEEK_RULE,
    )
