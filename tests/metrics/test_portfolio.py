"""Numbers of runs over several securities, worked by hand and against slow, obvious twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.metrics.daily import daily_ratios, equity
from dbatch.metrics.portfolio import daily_drawdowns, shares, sums, united_days, weighted_means

NAN = math.nan
money = st.floats(-1e6, 1e6)


def test_sums_stay_within_their_runs() -> None:
    assert sums(np.array([1.0, 2.0, 4.0, 8.0]), np.array([0, 2, 2, 0]), 4).tolist() == [9.0, 0.0, 6.0, 0.0]


def test_a_sum_with_a_missing_number_does_not_exist() -> None:
    found = sums(np.array([1.0, NAN, 4.0]), np.array([0, 0, 1]), 2)

    assert math.isnan(found[0])
    assert found[1] == 4.0


def test_a_share_of_nothing_does_not_exist() -> None:
    found = shares(np.array([3.0, 0.0, NAN]), np.array([4.0, 0.0, 2.0]))

    assert found[0] == 0.75
    assert np.isnan(found[1:]).all()


def test_a_mean_weighs_each_job_by_its_round_trips() -> None:
    found = weighted_means(np.array([0.25, 0.125]), np.array([2.0, 6.0]), np.array([0, 0]), 1)

    assert found.tolist() == [(0.25 * 2 + 0.125 * 6) / 8]


def test_a_job_without_round_trips_leaves_the_mean_alone() -> None:
    third = 1 / 3
    found = weighted_means(np.array([third, NAN, NAN]), np.array([3.0, 0.0, 0.0]), np.array([0, 0, 1]), 2)

    assert found[0] == third  # and not third x 3 / 3, which may be another double
    assert math.isnan(found[1])


def test_a_day_of_any_security_is_a_day_of_the_run() -> None:
    days, pnl = united_days(
        [np.array([3, 5], np.int32), np.array([1, 5, 9], np.int32)],
        [np.array([[1.0, 2.0], [-1.0, -2.0]]), np.array([[10.0, 20.0, 40.0], [0.0, 0.0, 0.5]])],
    )

    assert days.tolist() == [1, 3, 5, 9]
    assert pnl.tolist() == [[10.0, 1.0, 22.0, 40.0], [0.0, -1.0, -2.0, 0.5]]


def test_a_run_of_one_security_has_its_days() -> None:
    one = np.array([[0.1, 0.2]])

    assert united_days([np.array([1, 2])], [one])[1] is one


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 20), money), min_size=1, max_size=4))
def test_days_are_added_up_in_the_order_of_securities(securities: list[dict[int, float]]) -> None:
    days, pnl = united_days(
        [np.array(sorted(one), np.int64) for one in securities],
        [np.array([[one[day] for day in sorted(one)]]) for one in securities],
    )

    expected: dict[int, float] = {}
    for one in securities:
        for day, earned in one.items():
            expected[day] = expected.get(day, 0.0) + earned
    assert dict(zip(days.tolist(), pnl[0].tolist(), strict=True)) == expected


def test_a_drawdown_is_measured_from_the_peak_of_the_equity_by_the_day() -> None:
    # equity 1,000, 1,100, 1,050, 1,300, 1,040: 50 from 1,100, then 260 from 1,300
    found = daily_drawdowns(np.array([[100.0, -50.0, 250.0, -260.0]]), capital=1_000.0)

    assert found.depth.tolist() == [260.0]
    assert found.pct.tolist() == [20.0]


def test_a_first_loss_falls_from_the_capital() -> None:
    found = daily_drawdowns(np.array([[-200.0, 100.0]]), capital=1_000.0)

    assert (found.depth.tolist(), found.pct.tolist()) == ([200.0], [20.0])


def test_the_largest_share_may_be_another_fall_than_the_largest_amount() -> None:
    # 300 of 1,000, and later 400 of 4,000
    found = daily_drawdowns(np.array([[-300.0, 3_300.0, -400.0]]), capital=1_000.0)

    assert (found.depth.tolist(), found.pct.tolist()) == ([400.0], [30.0])


def test_equity_that_never_falls_and_no_days_have_no_drawdown() -> None:
    assert daily_drawdowns(np.array([[1.0, 0.0, 2.0]])).depth.tolist() == [0.0]
    assert daily_drawdowns(np.empty((2, 0))).pct.tolist() == [0.0, 0.0]


def test_profit_that_is_not_finite_has_no_drawdown() -> None:
    found = daily_drawdowns(np.array([[1.0, NAN], [math.inf, 1.0]]))

    assert np.isnan(found.depth).all()
    assert np.isnan(found.pct).all()


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(money, min_size=1, max_size=30))
def test_drawdowns_equal_those_of_a_loop_over_the_equity(daily: list[float]) -> None:
    found = daily_drawdowns(np.array([daily]), capital=1e8)

    peak, depth, share = 1e8, 0.0, 0.0
    for value in equity(np.array(daily), capital=1e8).tolist():
        peak = max(peak, value)
        depth, share = max(depth, peak - value), max(share, (peak - value) / peak)
    assert found.depth[0] == pytest.approx(depth, abs=1e-6)
    assert found.pct[0] == pytest.approx(share * 100, abs=1e-9)


def test_ratios_of_the_sum_are_not_those_of_the_securities() -> None:
    one, other = np.array([3.0, -1.0, 2.0]), np.array([-3.0, 4.0, -2.0])
    _, pnl = united_days([np.arange(3), np.arange(3)], [one[None], other[None]])

    # 0, 3, 0: mean 1, deviation the root of (1 + 4 + 1) / 2
    assert daily_ratios(pnl[0]).sharpe == pytest.approx(1 / math.sqrt(3) * math.sqrt(252), rel=1e-12)
