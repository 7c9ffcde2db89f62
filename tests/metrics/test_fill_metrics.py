"""Metrics of fills, worked by hand."""

from __future__ import annotations

import numpy as np

from dbatch.metrics.fills import FillMetrics, fill_metrics, max_drawdown, turnover, win_rate
from dbatch.schema import METRIC_COLUMNS


def test_the_metrics_are_those_of_the_schema_in_its_order() -> None:
    assert FillMetrics._fields == METRIC_COLUMNS


def test_metrics_of_a_round_trip_that_wins_and_one_that_loses() -> None:
    prices = np.array([10.0, 11.0, 11.0, 9.0])
    quantities = np.array([100, -100, 50, -50])
    realized = np.array([0.0, 100.0, 0.0, -100.0])

    metrics = fill_metrics(prices, quantities, realized, realized.cumsum())

    assert metrics == FillMetrics(win_rate=0.5, max_drawdown=100.0, turnover=1_000 + 1_100 + 550 + 450.0)


def test_without_fills_there_is_no_win_rate_and_nothing_is_lost() -> None:
    none = np.empty(0)
    assert fill_metrics(none, none.astype(int), none, none) == FillMetrics(None, 0.0, 0.0)


def test_fills_that_only_open_decide_nothing() -> None:
    assert win_rate(np.array([0.0, -0.0])) is None


def test_a_loss_from_the_start_is_a_drawdown() -> None:
    assert max_drawdown(np.array([-3.0, -1.0, -7.0])) == 7.0


def test_a_rising_pnl_has_no_drawdown() -> None:
    assert max_drawdown(np.array([0.0, 1.0, 1.0, 4.0])) == 0.0


def test_turnover_is_rounded_once_whatever_the_order() -> None:
    prices = np.array([1e16, 1.0, 1.0, 1e16])
    ones = np.ones(4, np.int64)
    assert turnover(prices, ones) == turnover(prices[::-1], ones) == turnover(np.sort(prices), ones) == 2e16 + 2
