"""Metrics of any fills equal those of slow, obvious twins: exact fractions, and groups of fills in place of a loop."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.metrics.daily import daily_ratios
from dbatch.metrics.fills import fill_metrics
from dbatch.metrics.job import JobPerformance, job_performance
from dbatch.sim.position import execute, flat

DAY = 86_400_000_000_000
FIRST_DAY = 20_192
LAST_DAY = FIRST_DAY + 9
CAPITAL = 4_096.0
LAST_PRICE = 7.25
ROUNDING = Fraction(1, 10**12)

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=400)


class Fill(NamedTuple):
    time: int
    price: float
    quantity: int
    realized: float
    position: int
    pnl: float


@st.composite
def jobs(draw: st.DrawFn) -> tuple[list[Fill], list[int]]:
    """Fills with the accounting of the engine, often back to flat or through zero, and the days of a market."""
    moments = st.integers(FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1)
    prices = st.sampled_from([1.11, 7.0, 7.25, 7.5, 8.0, 10.3, 33.33])
    rows = draw(st.lists(st.tuples(moments, prices, st.integers(-40, 40)), max_size=30))
    position, fills = flat(), []
    for time, price, wanted in sorted(rows) if draw(st.booleans()) else rows:
        quantity = -position.shares if wanted % 4 == 0 else wanted
        if quantity:
            position, fill = execute.py_func(position, quantity, price)
            fills.append(Fill(time, *fill))
    days = draw(st.sets(st.integers(FIRST_DAY, LAST_DAY)))
    return fills, sorted(days)


def measured(fills: list[Fill], days: list[int]) -> JobPerformance:
    dtypes = ("int64", "float64", "int64", "float64", "int64", "float64")
    columns = [np.array([fill[i] for fill in fills], dtype) for i, dtype in enumerate(dtypes)]
    return job_performance(*columns, np.array(days, np.int64), capital=CAPITAL, last_price=LAST_PRICE)


class Trip(NamedTuple):
    earned: Fraction
    opened: Fraction


def closed_trips(fills: list[Fill]) -> list[Trip]:
    """Return the round trips: each share is followed on its own, from flat to flat."""
    trips: list[Trip] = []
    held, earned, opened = 0, Fraction(0), Fraction(0)
    for fill in fills:
        earned += Fraction(fill.realized)
        for _ in range(abs(fill.quantity)):
            one = 1 if fill.quantity > 0 else -1
            if held * one < 0:
                held += one
                if held == 0:
                    trips.append(Trip(earned, opened))
                    earned, opened = Fraction(0), Fraction(0)
            else:
                held += one
                opened += Fraction(fill.price)
    return trips


def outcome(trip: Trip) -> int:
    """Return 1 for a round trip that won, -1 for one that lost, 0 for one that broke even up to rounding."""
    if abs(trip.earned) <= ROUNDING * trip.opened:
        return 0
    return 1 if trip.earned > 0 else -1


def close_to(value: Fraction | float | None) -> Any:
    return None if value is None else pytest.approx(float(value), rel=1e-9, abs=1e-9)


@fixed
@given(jobs())
def test_counts_sums_and_days(job: tuple[list[Fill], list[int]]) -> None:
    fills, days = job
    found = measured(fills, days)

    every = sorted({*days, *(fill.time // DAY for fill in fills)})
    by_day = [sum((fill.realized for fill in fills if fill.time // DAY == day), 0.0) for day in every]
    assert found.days.tolist() == every
    assert found.daily_pnl.tolist() == by_day  # bit for bit: added up in the order of the fills
    assert (found.metrics.fills, found.metrics.realized_pnl) == (len(fills), fills[-1].pnl if fills else 0.0)
    assert sum(map(Fraction, by_day)) == close_to(sum(Fraction(fill.realized) for fill in fills))


@fixed
@given(jobs())
def test_the_total_is_cash_and_the_value_of_what_is_held(job: tuple[list[Fill], list[int]]) -> None:
    fills, days = job

    cash = -sum((Fraction(fill.price) * fill.quantity for fill in fills), Fraction(0))
    held = sum(fill.quantity for fill in fills)
    assert measured(fills, days).metrics.total_pnl == close_to(cash + held * Fraction(LAST_PRICE))


@fixed
@given(jobs())
def test_the_entry_price_of_what_is_held_is_that_of_the_accounting_bit_for_bit(
    job: tuple[list[Fill], list[int]],
) -> None:
    fills, days = job
    found = measured(fills, days).metrics

    position = flat()
    for fill in fills:
        position, _ = execute.py_func(position, fill.quantity, fill.price)
    held = position.shares * (LAST_PRICE - position.entry) if position.shares else 0.0
    assert found.total_pnl == position.realized + held


@fixed
@given(jobs())
def test_round_trips(job: tuple[list[Fill], list[int]]) -> None:
    fills, days = job
    found = measured(fills, days).metrics

    trips = closed_trips(fills)
    won = [trip.earned for trip in trips if outcome(trip) > 0]
    lost = [trip.earned for trip in trips if outcome(trip) < 0]
    returns = [trip.earned / trip.opened * 100 for trip in trips]
    assert found.round_trips == len(trips)
    assert found.round_trip_win_rate == (len(won) / (len(won) + len(lost)) if won or lost else None)
    assert found.profit_factor == close_to(Fraction(sum(won)) / -sum(lost) if lost else None)
    assert found.expectancy == close_to(statistics.mean(trip.earned for trip in trips) if trips else None)
    assert found.round_trip_return_pct == close_to(statistics.mean(returns) if trips else None)


@fixed
@given(jobs())
def test_the_drawdown_is_the_worst_pair_of_fills(job: tuple[list[Fill], list[int]]) -> None:
    fills, days = job
    found = measured(fills, days)

    running = [0.0, *(fill.pnl for fill in fills)]
    dates = [0, *(fill.time // DAY for fill in fills)]
    peaks = list(accumulate(running, max))
    falls = [peak - value for peak, value in zip(peaks, running, strict=True)]
    start = trough = end = None
    if max(falls) > 0:
        bottom = falls.index(max(falls))
        start = max(i for i in range(bottom) if running[i] == peaks[bottom]) + 1
        trough = bottom
        end = next((i for i in range(bottom, len(running)) if running[i] >= peaks[bottom]), None)
    text = [None if i is None else str(dt.date(1970, 1, 1) + dt.timedelta(dates[i])) for i in (start, trough, end)]
    until = int(found.days[-1]) if end is None and len(found.days) else dates[end or 0]
    assert found.metrics.max_drawdown == max(falls)
    assert found.metrics.max_drawdown_pct == close_to(
        max(fall / (CAPITAL + peak) for fall, peak in zip(falls, peaks, strict=True)) * 100
    )
    assert [getattr(found.metrics, f"max_drawdown_{which}") for which in ("start", "trough", "end")] == text
    assert found.metrics.max_drawdown_days == (until - dates[start] if start is not None else 0)


@fixed
@given(jobs())
def test_what_fill_metrics_says_too_is_the_same_number(job: tuple[list[Fill], list[int]]) -> None:
    fills, days = job
    found = measured(fills, days).metrics

    prices, quantities, realized, pnl = (np.array([fill[i] for fill in fills]) for i in (1, 2, 3, 5))
    simple = fill_metrics(prices, quantities, realized, pnl)
    assert (found.win_rate, found.max_drawdown, found.turnover, found.fees) == simple


@fixed
@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 2)), max_size=40))
def test_ratios_of_any_days(days: list[float]) -> None:
    found = daily_ratios(np.array(days), capital=CAPITAL)

    sharpe = sortino = volatility = None
    if len(days) > 1:
        exact = list(map(Fraction, days))
        mean, variance = statistics.mean(exact), statistics.variance(exact)
        downside = statistics.mean(min(day, Fraction(0)) ** 2 for day in exact)
        volatility = math.sqrt(variance * 252) / CAPITAL * 100
        sharpe = mean / Fraction(math.sqrt(variance)) * Fraction(math.sqrt(252)) if variance else None
        sortino = mean / Fraction(math.sqrt(downside)) * Fraction(math.sqrt(252)) if downside else None
    assert tuple(found) == (close_to(sharpe), close_to(sortino), close_to(volatility))
