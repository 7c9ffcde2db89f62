"""Fees, costs, hours, time in the market and drawdown dates, worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dbatch.errors import UsageError
from dbatch.metrics.breakdown import (
    FeeRules,
    break_even_bps,
    fees,
    pnl_by_hour,
    pnl_by_weekday,
    sessions,
    time_in_market,
)
from dbatch.metrics.portfolio import annual_returns_pct, calmar_ratios, daily_drawdowns, deepest_drawdown

HOUR = 3_600_000_000_000


def test_a_commission_is_of_the_value_a_fee_of_the_shares_and_both_have_a_minimum() -> None:
    prices, quantities = np.array([10.0, 10.0, 10.0, 10.0]), np.array([1_000, -1_000, 10, 0])

    assert fees(prices, quantities, FeeRules(commission_bps=10.0)).tolist() == [10.0, 10.0, 0.1, 0.0]
    assert fees(prices, quantities, FeeRules(commission_per_share=0.005)).tolist() == [5.0, 5.0, 0.05, 0.0]
    assert fees(prices, quantities, FeeRules(10.0, 0.005, 1.5)).tolist() == [15.0, 15.0, 1.5, 0.0]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "5", True])
def test_a_fee_that_is_no_number_of_0_or_more_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(UsageError, match=f"^commission_per_share: must be a number of 0 or more, is {value!r}$"):
        FeeRules(commission_per_share=value)


def test_the_break_even_commission_eats_the_whole_profit() -> None:
    prices, quantities = np.array([10.0, 10.5]), np.array([100, -100])
    commission = break_even_bps(50.0, 2_050.0)

    assert commission is not None
    assert fees(prices, quantities, FeeRules(commission_bps=commission)).sum() == pytest.approx(50.0)
    assert break_even_bps(0.0, 0.0) is None


def test_hours_and_weekdays_hold_all_that_was_realised() -> None:
    rng = np.random.default_rng(1)
    days = np.sort(rng.integers(20_000, 20_100, 500))
    realized = rng.normal(0.0, 10.0, 500)

    assert pnl_by_hour(days * 24 * HOUR + 9 * HOUR, realized)[9] == pytest.approx(realized.sum())
    assert pnl_by_weekday(days, realized).sum() == pytest.approx(realized.sum())


def test_a_time_before_1970_is_in_an_hour_of_its_day() -> None:
    assert pnl_by_hour(np.array([-HOUR]), np.array([1.0]))[23] == 1.0


def test_the_market_is_open_on_each_of_its_days() -> None:
    found = sessions(np.array([1, 3]), opens=10 * HOUR, closes=15 * HOUR)

    assert (found // HOUR).tolist() == [[34, 39], [82, 87]]


def test_a_night_counts_as_no_time_at_all() -> None:
    open_hours = sessions(np.array([0, 1]), opens=10 * HOUR, closes=14 * HOUR)
    bought_at_noon_sold_at_11 = np.array([12, 24 + 11]) * HOUR
    found = time_in_market(
        bought_at_noon_sold_at_11, np.array([10.0, 10.0]), np.array([-50, 0]), open_hours, capital=1_000.0
    )

    assert found.share == pytest.approx(3 / 8)
    assert found.exposure_pct == pytest.approx(3 / 8 * 50.0)  # short 500 of 1,000


def test_what_is_never_sold_is_held_to_the_end() -> None:
    open_hours = sessions(np.array([0, 1]), opens=10 * HOUR, closes=14 * HOUR)
    found = time_in_market(np.array([13 * HOUR]), np.array([1.0]), np.array([5]), open_hours)

    assert found.share == pytest.approx(5 / 8)


def test_without_fills_there_is_no_time_in_the_market() -> None:
    open_hours = sessions(np.array([0]), opens=10 * HOUR, closes=14 * HOUR)
    nothing = np.array([], np.int64)

    assert time_in_market(nothing, nothing.astype(float), nothing, open_hours).share == 0.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sessions(np.array([1]), opens=5, closes=5), "opens first"),
        (lambda: time_in_market(np.array([1]), np.ones(1), np.ones(1), np.empty((0, 2))), "at least one"),
        (lambda: time_in_market(np.array([2, 1]), np.ones(2), np.ones(2), np.array([[0, 9]])), "go back in time"),
        (lambda: time_in_market(np.array([1]), np.ones(1), np.ones(1), np.array([[3, 3]])), "have no length"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def test_the_calmar_ratio_is_the_annual_return_over_the_deepest_fall() -> None:
    daily = np.array([[100.0, -300.0, 250.0, 50.0]])

    assert annual_returns_pct(daily, capital=900.0, days_per_year=250.0)[0] == pytest.approx(25.0 / 900 * 250 * 100)
    assert calmar_ratios(daily, capital=900.0, days_per_year=250.0)[0] == pytest.approx(25.0 / 900 * 250 * 100 / 30.0)


def test_without_a_fall_there_is_no_calmar_ratio() -> None:
    assert np.isnan(calmar_ratios(np.array([[1.0, 2.0]]))).all()
    assert np.isnan(calmar_ratios(np.empty((1, 0)))).all()


@pytest.mark.parametrize(
    ("daily", "expected"),
    [
        ((-5.0, 2.0, 3.0), (5.0, 10, 10, 12, 2)),  # from the first day on: the capital is the first peak
        ((4.0, -2.0, 2.0, -3.0), (3.0, 13, 13, None, 0)),
        ((4.0, -2.0, 3.0, -1.0, -1.0), (2.0, 11, 11, 12, 1)),  # two as deep: the first
        ((1.0, 2.0), None),
        ((), None),
    ],
)
def test_the_dates_of_the_deepest_fall(daily: tuple[float, ...], expected: tuple[object, ...] | None) -> None:
    assert deepest_drawdown(np.arange(10, 10 + len(daily)), np.array(daily)) == expected


def test_the_deepest_fall_is_that_of_all_runs_at_once() -> None:
    daily = np.random.default_rng(2).normal(0.0, 10.0, (20, 100))
    days = np.arange(100)

    found = [deepest_drawdown(days, row) for row in daily]
    assert [fall.depth for fall in found if fall] == pytest.approx(daily_drawdowns(daily).depth)
