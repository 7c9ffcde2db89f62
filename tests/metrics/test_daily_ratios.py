"""Ratios of daily P&L, worked by hand; what cannot be told from rounding has no ratio."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dbatch.errors import UsageError
from dbatch.metrics.daily import DailyRatios, daily_ratios, equity


def test_ratios_of_four_days() -> None:
    # mean 10; squares 400 + 400 + 1,600 + 1,600 over 3; falls (100 + 900) over 4; a year of 256 days has the root 16
    found = daily_ratios(np.array([30.0, -10.0, -30.0, 50.0]), capital=1_000.0, days_per_year=256)

    deviation = math.sqrt(4_000 / 3)
    right = (10 / deviation * 16, 10 / math.sqrt(250) * 16, deviation * 16 / 10)
    assert found == pytest.approx(right, rel=1e-14)


def test_a_year_has_252_days_and_the_capital_is_a_million_unless_said_otherwise() -> None:
    days = np.array([30.0, -10.0, -30.0, 50.0])

    assert daily_ratios(days) == daily_ratios(days, capital=1e6, days_per_year=252.0)


def test_the_deviation_has_one_degree_of_freedom_less_than_days() -> None:
    sharpe = daily_ratios(np.array([0.0, 2.0]), days_per_year=1).sharpe

    assert sharpe == pytest.approx(1 / math.sqrt(2), rel=1e-14)  # 1.0 with as many as days


def test_the_downside_is_averaged_over_all_days() -> None:
    sortino = daily_ratios(np.array([-3.0, 6.0, 6.0, 6.0]), days_per_year=1).sortino

    assert sortino == 2.5  # 3.75 / sqrt(9 / 4); 1.25 over losing days alone


def test_the_sharpe_ratio_does_not_depend_on_the_capital() -> None:
    days = np.array([30.0, -10.0, -30.0, 50.0])

    assert daily_ratios(days, capital=1.0)[:2] == daily_ratios(days, capital=1e9)[:2]


@pytest.mark.parametrize("days", [[], [5.0]])
def test_fewer_than_two_days_have_no_ratios(days: list[float]) -> None:
    assert daily_ratios(np.array(days)) == DailyRatios(None, None, None)


@pytest.mark.parametrize("every_day", [0.0, 0.1, -0.1, 1e12 / 7])
def test_days_that_are_all_the_same_have_no_sharpe_ratio_and_no_volatility(every_day: float) -> None:
    found = daily_ratios(np.full(60, every_day))

    assert (found.sharpe, found.annual_volatility_pct) == (None, 0.0)


def test_days_that_are_the_same_but_for_rounding_have_no_sharpe_ratio() -> None:
    assert 0.1 + 0.2 != 0.3
    assert daily_ratios(np.array([0.1 + 0.2, 0.3, 0.3])).sharpe is None


def test_days_of_nothing_but_rounding_have_no_ratio() -> None:
    assert daily_ratios(np.array([0.0, 5e-13, -2e-13, 0.0])) == DailyRatios(None, None, 0.0)


def test_days_without_a_loss_have_no_sortino_ratio() -> None:
    found = daily_ratios(np.array([0.0, 100.0, 50.0, -1e-13]))

    assert found.sortino is None
    assert found.sharpe is not None


def test_losing_days_have_a_sharpe_ratio_below_zero() -> None:
    assert daily_ratios(np.array([-1.0, -3.0]), days_per_year=1).sharpe == pytest.approx(-math.sqrt(2), rel=1e-14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e200])
def test_days_beyond_numbers_have_no_ratios(bad: float) -> None:
    assert daily_ratios(np.array([1.0, bad, 2.0])) == DailyRatios(None, None, None)


@pytest.mark.parametrize("setting", [{"capital": -1.0}, {"days_per_year": math.inf}])
def test_a_setting_that_is_no_number_above_zero_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be a finite number above 0"):
        daily_ratios(np.array([1.0, 2.0]), **setting)


def test_equity_is_the_capital_and_all_that_was_earned_so_far() -> None:
    assert equity(np.array([10.0, -5.0, 0.0]), capital=100.0).tolist() == [110.0, 105.0, 105.0]


def test_equity_starts_at_a_million_unless_said_otherwise() -> None:
    assert equity(np.array([1.0])).tolist() == [1_000_001.0]


def test_equity_without_days_is_empty() -> None:
    assert equity(np.empty(0)).tolist() == []
