"""The metrics of many jobs at once are those that the metrics room gives for each, from its fills and its equity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dbatch.data.bars import BarBlock
from dbatch.engine.bars.figures import columns_of_figures
from dbatch.engine.bars.job import run_bar_jobs
from dbatch.engine.bars.passage import pass_through
from dbatch.engine.job import JobResult, run_job, run_jobs
from dbatch.engine.performance import performance_of
from dbatch.metrics.daily import daily_ratios
from dbatch.metrics.job import job_performance
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS
from dbatch_bars.bigbar import create_bigbar_handler
from dbatch_bars.sma_cross import create_sma_cross_handler

Walk = Callable[..., BarBlock]
OF_EQUITY = {"sharpe", "sortino", "annual_volatility_pct", "max_drawdown", "max_drawdown_pct"}
SECTIONS = [{"fast": fast, "slow": slow, "commission_bps": 1.0} for fast in (3, 5, 8) for slow in (9, 20, 400)]


@pytest.fixture(scope="module")
def bars(random_bars: Walk) -> BarBlock:
    return random_bars(5, 300)


@pytest.fixture(scope="module")
def results(bars: BarBlock) -> list[JobResult]:
    return run_bar_jobs(create_sma_cross_handler({}), SECTIONS, [bars])


def test_figures_of_fills_are_those_of_each_job(results: list[JobResult]) -> None:
    for result in results:
        wanted = job_performance(*result.fills.columns, days=result.market_days, last_price=result.last_price).metrics
        found = performance_of(result)
        for name, value in {**found.metrics, **found.of_fills}.items():
            if name not in OF_EQUITY and not name.startswith("max_drawdown"):
                assert value == getattr(wanted, name), name


def test_ratios_and_falls_are_those_of_the_marked_equity(results: list[JobResult], bars: BarBlock) -> None:
    days = bars.timestamps // 86_400_000_000_000
    for result in results:
        marked, found = result.marked, performance_of(result)
        assert marked is not None
        assert found.daily_pnl is not None
        ratios = daily_ratios(found.daily_pnl, capital=100_000.0)._asdict()
        assert {name: found.metrics[name] for name in ratios} == ratios
        assert found.of_fills["max_drawdown"] == marked.depth
        assert found.metrics["max_drawdown_pct"] == marked.share * 100.0
        if marked.start >= 0:
            start = np.datetime64(int(days[marked.start]), "D")
            assert found.metrics["max_drawdown_start"] == str(start)
            end = np.datetime64(int(days[marked.end if marked.end >= 0 else -1]), "D")
            assert found.metrics["max_drawdown_days"] == (end - start).astype(int)


def test_daily_pnl_adds_up_to_what_was_earned(results: list[JobResult]) -> None:
    for result in results:
        assert result.marked is not None
        earned = result.marked.final - result.marked.capital
        assert result.marked.daily_pnl.sum() == pytest.approx(earned, abs=1e-6)
        assert performance_of(result).metrics["total_pnl"] == pytest.approx(earned, abs=1e-6)


def test_what_never_traded_has_no_ratios_and_no_falls(results: list[JobResult]) -> None:
    found = performance_of(results[SECTIONS.index({"fast": 3, "slow": 400, "commission_bps": 1.0})])
    assert set(found.metrics) == set(JOB_METRIC_COLUMNS)
    assert set(found.of_fills) == set(METRIC_COLUMNS)
    assert (found.metrics["sharpe"], found.metrics["round_trips"], found.of_fills["win_rate"]) == (None, 0, None)
    assert (found.metrics["max_drawdown_start"], found.of_fills["max_drawdown"]) == (None, 0.0)


def test_columns_of_a_pass_have_the_same_numbers(results: list[JobResult], bars: BarBlock) -> None:
    columns = columns_of_figures(
        *pass_through(create_sma_cross_handler({}), SECTIONS, bars, lambda fills, ends: None)[1:]
    )
    for number, result in enumerate(results):
        for name, value in performance_of(result).metrics.items():
            if value is not None and not isinstance(value, str):
                assert columns[name][number] == value, name


def test_one_job_is_one_of_many(results: list[JobResult], bars: BarBlock) -> None:
    for section, result in zip(SECTIONS, results, strict=True):
        alone = run_job(create_sma_cross_handler({}), "ABC", section, [bars])
        assert alone.fills.digest() == result.fills.digest()
        assert performance_of(alone).metrics == performance_of(result).metrics
    together = run_jobs(create_sma_cross_handler({}), SECTIONS, [bars])
    assert [each.fills.digest() for each in together] == [each.fills.digest() for each in results]


def test_fills_beyond_the_room_of_one_pass_are_all_kept(random_bars: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbatch.engine.bars import passage

    bars = random_bars(6, 250, minutes=5)
    sections = [{"atr_period": 5, "k_atr_int": k, "uptail_max_ratio_int": 10} for k in (5, 6, 7, 8)]
    roomy = run_bar_jobs(create_bigbar_handler({}), sections, [bars])
    assert sum(len(each.fills) for each in roomy) > 20
    monkeypatch.setattr(passage, "FILL_ROOM", 0)
    monkeypatch.setattr(passage, "_THREAD", type(passage._THREAD)())
    tight = run_bar_jobs(create_bigbar_handler({}), sections, [bars])
    assert [each.fills.digest() for each in tight] == [each.fills.digest() for each in roomy]
