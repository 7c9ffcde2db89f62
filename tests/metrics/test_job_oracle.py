"""An independent library agrees where it defines things as we do; left out where it is not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.metrics.daily import daily_ratios, equity
from dbatch.metrics.job import job_performance
from dbatch.metrics.portfolio import annual_returns_pct, calmar_ratios, daily_drawdowns

CAPITAL = 50_000.0
DAY = 86_400_000_000_000

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


@pytest.fixture
def empyrical() -> Any:
    return pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")


@pytest.fixture
def ffn() -> Any:
    return pytest.importorskip("ffn.core", reason="ffn is not installed")


def days(seed: int) -> np.ndarray:
    """Return the P&L of 120 days, on a third of which nothing happened."""
    rng = np.random.default_rng(seed)
    drawn: np.ndarray = rng.normal(20.0, 300.0, 120) * (rng.random(120) > 1 / 3)
    return drawn


@pytest.mark.parametrize("seed", range(5))
def test_sharpe_sortino_and_volatility(empyrical: Any, seed: int) -> None:
    returns = pd.Series(days(seed) / CAPITAL)
    theirs = (
        empyrical.sharpe_ratio(returns, annualization=252),
        empyrical.sortino_ratio(returns, annualization=252),
        empyrical.annual_volatility(returns, annualization=252) * 100,
    )

    assert tuple(daily_ratios(days(seed), capital=CAPITAL)) == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_drawdown_in_per_cent_with_one_fill_a_day(empyrical: Any, seed: int) -> None:
    earned = days(seed)
    running = np.cumsum(earned)
    shares = np.ones(120, np.int64)
    when = np.arange(20_000, 20_120)
    ours = job_performance(
        when * DAY, np.ones(120), shares, earned, np.cumsum(shares), running, when, capital=CAPITAL
    ).metrics.max_drawdown_pct
    returns = pd.Series(np.concatenate([[CAPITAL], equity(earned, capital=CAPITAL)])).pct_change().dropna()

    assert ours == pytest.approx(-empyrical.max_drawdown(returns) * 100, rel=1e-10)


def compounding(daily: np.ndarray) -> pd.Series:
    """Return the returns on the equity of each evening before, as these libraries take them."""
    return pd.Series(np.concatenate([[CAPITAL], equity(daily, capital=CAPITAL)])).pct_change().dropna()


@pytest.mark.parametrize("seed", range(5))
def test_the_drawdown_of_a_run_in_per_cent(empyrical: Any, seed: int) -> None:
    ours = daily_drawdowns(days(seed)[None, :], capital=CAPITAL).pct[0]

    assert ours == pytest.approx(-empyrical.max_drawdown(compounding(days(seed))) * 100, rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_the_calmar_ratio_is_theirs_with_our_return_that_is_not_compounded(empyrical: Any, seed: int) -> None:
    daily = days(seed)
    compounded = empyrical.annual_return(compounding(daily), annualization=252)
    theirs = empyrical.calmar_ratio(compounding(daily), annualization=252)
    plain = annual_returns_pct(daily[None, :], capital=CAPITAL)[0] / 100

    assert calmar_ratios(daily[None, :], capital=CAPITAL)[0] == pytest.approx(theirs / compounded * plain, rel=1e-10)
    assert plain == pytest.approx(np.mean(daily) / CAPITAL * 252, rel=1e-10)
    assert plain != pytest.approx(compounded, rel=1e-5)  # the deviation that docs/metrics.md tells of


@pytest.mark.parametrize("seed", range(5))
def test_ffn_agrees_about_sharpe_and_sortino_ratio_and_drawdown(ffn: Any, seed: int) -> None:
    daily = days(seed)
    dates = pd.bdate_range("2024-01-01", periods=len(daily) + 1)
    returns = pd.Series(daily / CAPITAL, index=dates[1:])
    prices = pd.Series(np.concatenate([[CAPITAL], equity(daily, capital=CAPITAL)]), index=dates)

    assert daily_ratios(daily).sharpe == pytest.approx(ffn.calc_sharpe(returns, nperiods=252), rel=1e-10)
    assert daily_ratios(daily).sortino == pytest.approx(ffn.calc_sortino_ratio(returns, nperiods=252), rel=1e-10)
    ours = daily_drawdowns(daily[None, :], capital=CAPITAL).pct[0]
    assert ours == pytest.approx(-ffn.calc_max_drawdown(prices) * 100, rel=1e-10)
