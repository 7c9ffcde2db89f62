"""An independent library agrees where it defines things as we do; left out where it is not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.metrics.daily import daily_ratios, equity
from dbatch.metrics.job import job_performance

CAPITAL = 50_000.0
DAY = 86_400_000_000_000

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own


@pytest.fixture
def empyrical() -> Any:
    return pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")


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

    assert tuple(daily_ratios(days(seed), capital=CAPITAL)) == pytest.approx(theirs, rel=1e-9)


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

    assert ours == pytest.approx(-empyrical.max_drawdown(returns) * 100, rel=1e-9)
