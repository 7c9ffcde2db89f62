"""The indicators against TA-Lib, and what no library says: no look ahead, no error carried along."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from dbatch.data.bars import BarBlock
from dbatch_bars import indicators as own

talib = pytest.importorskip("talib")
Walk = Callable[..., BarBlock]


@pytest.fixture(scope="module")
def bars(random_bars: Walk) -> BarBlock:
    return random_bars(11, 700)


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("window", [1, 2, 10, 200])
def test_means_are_those_of_the_library(window: int, bars: BarBlock) -> None:
    same(own.simple_mean(bars.closes, window), bars.closes if window == 1 else talib.SMA(bars.closes, window))
    same(own.exponential_mean(bars.closes, window), bars.closes if window == 1 else talib.EMA(bars.closes, window))


def test_the_deviation_is_that_of_the_library(bars: BarBlock) -> None:
    same(own.deviation(bars.closes, 20), talib.STDDEV(bars.closes, 20))
    same(own.deviation(bars.closes, 20, ddof=1), talib.STDDEV(bars.closes, 20) * np.sqrt(20 / 19))


@pytest.mark.parametrize("period", [2, 14])
def test_relative_strength_is_that_of_the_library(period: int, bars: BarBlock) -> None:
    same(own.relative_strength(bars.closes, period), talib.RSI(bars.closes, period))


@pytest.mark.parametrize("period", [1, 14, 100])
def test_the_true_range_is_that_of_the_library_after_a_bar_that_changes_nothing(period: int, bars: BarBlock) -> None:
    # the library begins with the second bar: a first one that closed inside the next makes both begin with that
    highs, lows, closes = (
        np.concatenate([[(bars.highs[0] + bars.lows[0]) / 2], each]) for each in (bars.highs, bars.lows, bars.closes)
    )
    same(own.average_true_range(bars, period), talib.ATR(highs, lows, closes, period)[1:])


@pytest.mark.parametrize("period", [2, 14])
def test_directional_movement_is_that_of_the_library(period: int, bars: BarBlock) -> None:
    columns = (bars.highs, bars.lows, bars.closes, period)
    plus, minus, adx = own.directional_movement(bars, period)
    same(plus, talib.PLUS_DI(*columns))
    same(minus, talib.MINUS_DI(*columns))
    same(adx, talib.ADX(*columns))


@pytest.mark.parametrize("window", [1, 5, 14])
def test_the_stochastic_is_that_of_the_library(window: int, bars: BarBlock) -> None:
    fast, _ = talib.STOCHF(bars.highs, bars.lows, bars.closes, fastk_period=window, fastd_period=1)
    same(own.stochastic(bars, window), fast)


def test_channels_are_those_of_the_library_a_bar_later(bars: BarBlock) -> None:
    same(own.highest_before(bars.highs, 20)[1:], talib.MAX(bars.highs, 20)[:-1])
    same(own.lowest_before(bars.lows, 20)[1:], talib.MIN(bars.lows, 20)[:-1])


def test_a_mean_carries_no_error_along() -> None:
    values = np.concatenate([[1e16], np.ones(50)])
    assert own.simple_mean(values, 5)[-1] == 1.0


@pytest.mark.parametrize("bars_seen", [0, 4, 5, 2_052, 5_000])  # 2,048 windows are added up side by side
def test_a_window_is_added_up_from_its_oldest_value_on(bars_seen: int) -> None:
    values = np.random.default_rng(3).normal(100.0, 1.0, bars_seen)
    windows = [values[i - 4 : i + 1] for i in range(4, bars_seen)]
    wanted = [np.cumsum(each)[-1] / 5 for each in windows]

    means, deviations = own.simple_mean(values, 5), own.deviation(values, 5)

    assert means.tolist()[4:] == wanted
    squares = [np.cumsum((each - mean) ** 2)[-1] for each, mean in zip(windows, wanted, strict=True)]
    assert deviations.tolist()[4:] == [math.sqrt(each / 5) for each in squares]
    assert np.isnan(means[:4]).all()
    assert np.isnan(deviations[:4]).all()


def test_where_nothing_moved_the_relative_strength_is_in_the_middle() -> None:
    assert own.relative_strength(np.full(30, 5.0), 14)[-1] == 50.0
