"""The metrics of published fills, against pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.metrics.job import JobPerformance, job_performance

CAPITAL = 100_000.0


@pytest.fixture(scope="module")
def fills(golden: Path) -> pd.DataFrame:
    return pd.read_csv(golden / "published" / "v1_baseline" / "SPINNEYS.csv", parse_dates=["timestamp"])


@pytest.fixture(scope="module")
def days(golden: Path) -> pd.DatetimeIndex:
    ticks = pd.read_parquet(golden / "ticks" / "spinneys.parquet", columns=["timestamp", "type"])
    return pd.DatetimeIndex(ticks.loc[ticks["type"] == "TRADE", "timestamp"].dt.normalize().unique()).sort_values()


@pytest.fixture(scope="module")
def job(fills: pd.DataFrame, days: pd.DatetimeIndex) -> JobPerformance:
    signed = np.where(fills["side"] == "buy", fills["fill_qty"], -fills["fill_qty"])
    return job_performance(
        fills["timestamp"].to_numpy("datetime64[ns]").view(np.int64),
        fills["fill_price"].to_numpy(),
        signed,
        fills["realized_pnl"].to_numpy(),
        fills["position"].to_numpy(),
        fills["pnl"].to_numpy(),
        days.to_numpy("datetime64[D]").astype(np.int64),
        capital=CAPITAL,
    )


@pytest.fixture(scope="module")
def by_day(fills: pd.DataFrame, days: pd.DatetimeIndex) -> pd.Series:
    return fills.groupby(fills["timestamp"].dt.normalize())["realized_pnl"].sum().reindex(days, fill_value=0.0)


def test_the_days_are_those_of_pandas(job: JobPerformance, by_day: pd.Series) -> None:
    assert len(job.daily_pnl) == len(by_day) == 136
    np.testing.assert_allclose(job.daily_pnl, by_day.to_numpy(), rtol=1e-12, atol=1e-9)


def test_the_days_add_up_to_the_published_total(job: JobPerformance, fills: pd.DataFrame) -> None:
    assert job.metrics.realized_pnl == job.metrics.total_pnl == fills["pnl"].iloc[-1]  # flat at the end
    assert job.daily_pnl.sum() == pytest.approx(fills["pnl"].iloc[-1], rel=1e-12)


def test_the_ratios_are_those_of_pandas(job: JobPerformance, by_day: pd.Series) -> None:
    downside = (by_day.clip(upper=0.0) ** 2).mean() ** 0.5

    assert job.metrics.sharpe == pytest.approx(by_day.mean() / by_day.std() * 252**0.5, rel=1e-9)
    assert job.metrics.sortino == pytest.approx(by_day.mean() / downside * 252**0.5, rel=1e-9)
    assert job.metrics.annual_volatility_pct == pytest.approx(by_day.std() * 252**0.5 / CAPITAL * 100, rel=1e-9)


def test_the_round_trips_are_those_of_pandas(job: JobPerformance, fills: pd.DataFrame) -> None:
    before = fills["position"].shift(fill_value=0)
    ends = (before != 0) & (np.sign(fills["position"]) != np.sign(before))
    earned = fills.groupby(ends.shift(fill_value=False).cumsum())["realized_pnl"].sum()
    won, lost = earned[earned > 1e-6], earned[earned < -1e-6]  # a tick on a share is 0.01

    assert job.metrics.round_trips == ends.sum() == len(earned) == 163
    assert job.metrics.expectancy == pytest.approx(earned.mean(), rel=1e-9)
    assert job.metrics.round_trip_win_rate == len(won) / (len(won) + len(lost))
    assert job.metrics.profit_factor == pytest.approx(-won.sum() / lost.sum(), rel=1e-9)


def test_the_drawdown_is_that_of_pandas(job: JobPerformance, fills: pd.DataFrame) -> None:
    peak = fills["pnl"].cummax().clip(lower=0.0)
    fall = peak - fills["pnl"]

    assert job.metrics.max_drawdown == fall.max()
    assert job.metrics.max_drawdown_pct == pytest.approx((fall / (CAPITAL + peak)).max() * 100, rel=1e-12)
    assert job.metrics.max_drawdown_trough == str(fills.loc[fall.idxmax(), "timestamp"].date())
