"""Indicators over bars: float64 arrays as long as the bars, NaN until enough bars are there, no look ahead.

Each function takes arrays of one value a bar, oldest first. The compiled loops stand in this module and call nothing of
another: numba keeps them on disk, and looks at this file alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

Numbers = Any
"""A float64 array with one value a bar."""


def simple_mean(values: Numbers, window: int) -> np.ndarray:
    """Return the mean of the last `window` values, added up anew for each bar: no error is carried along."""
    return np.asarray(_means(np.ascontiguousarray(values), window))


def deviation(values: Numbers, window: int, ddof: int = 0) -> np.ndarray:
    """Return the standard deviation of the last `window` values around their mean."""
    return np.asarray(_deviations(np.ascontiguousarray(values), window, ddof))


def exponential_mean(values: Numbers, period: int) -> np.ndarray:
    """Return the exponential mean with alpha 2 / (`period` + 1), seeded with the mean of the first `period` values."""
    return np.asarray(_exponential(np.ascontiguousarray(values), period, 2.0 / (period + 1.0)))


def wilder_mean(values: Numbers, period: int) -> np.ndarray:
    """Return the exponential mean with alpha 1 / `period`, seeded with the mean of the first `period` values.

    Values may begin with NaN, which are passed over. Source: Wilder (1978), "New Concepts in Technical Trading
    Systems".
    """
    return np.asarray(_exponential(np.ascontiguousarray(values), period, 1.0 / period))


def true_range(bars: Any) -> np.ndarray:
    """Return max(high - low, |high - previous close|, |low - previous close|) in currency; high - low at first.

    Source: as `wilder_mean`, chapter 3.
    """
    return np.asarray(_true_range(bars.highs, bars.lows, bars.closes))


def average_true_range(bars: Any, period: int) -> np.ndarray:
    """Return Wilder's mean of the true range over `period` bars, in currency."""
    return wilder_mean(true_range(bars), period)


def relative_strength(closes: Numbers, period: int) -> np.ndarray:
    """Return Wilder's RSI, 0 to 100: the share of rises in the mean changes; 50 where nothing moved.

    Source: as `wilder_mean`, chapter 6.
    """
    changes = np.diff(closes, prepend=np.nan)
    rises = wilder_mean(np.where(changes > 0.0, changes, changes * 0.0), period)
    falls = wilder_mean(np.where(changes < 0.0, -changes, changes * 0.0), period)
    moved = rises + falls
    flat = np.where(np.isnan(moved), np.nan, 50.0)
    return np.asarray(np.divide(100.0 * rises, moved, out=flat, where=moved > 0.0))


def highest_before(values: Numbers, window: int) -> np.ndarray:
    """Return the highest of the `window` values before each bar; the bar's own is not among them."""
    return np.asarray(_extreme_before(np.ascontiguousarray(values), window, 1.0))


def lowest_before(values: Numbers, window: int) -> np.ndarray:
    """Return the lowest of the `window` values before each bar; the bar's own is not among them."""
    return np.asarray(_extreme_before(np.ascontiguousarray(values), window, -1.0))


def stochastic(bars: Any, window: int) -> np.ndarray:
    """Return %K, 0 to 100: where the close lies in the range of the last `window` bars, this one included.

    0 where there is no range. Source: Lane (1984), "Lane's Stochastics", Stocks & Commodities 2(3).
    """
    highs = np.fmax(highest_before(bars.highs, window - 1), bars.highs) if window > 1 else bars.highs
    lows = np.fmin(lowest_before(bars.lows, window - 1), bars.lows) if window > 1 else bars.lows
    spans = highs - lows
    found = np.divide(100.0 * (bars.closes - lows), spans, out=np.zeros(len(spans)), where=spans > 0.0)
    found[: window - 1] = np.nan
    return np.asarray(found)


def directional_movement(bars: Any, period: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return +DI, -DI and ADX, 0 to 100, by Wilder's sums; DI from bar `period` on, ADX from bar 2 `period` - 1 on.

    Source: as `wilder_mean`, chapter 4. The first sums are of `period` - 1 bars, smoothed from then on, as TA-Lib has
    it.
    """
    rises, falls = np.diff(bars.highs, prepend=np.nan), -np.diff(bars.lows, prepend=np.nan)
    plus = np.where((rises > falls) & (rises > 0.0), rises, 0.0)
    minus = np.where((falls > rises) & (falls > 0.0), falls, 0.0)
    plus_di, minus_di, adx = _directional(plus, minus, true_range(bars), period)
    return np.asarray(plus_di), np.asarray(minus_di), np.asarray(adx)


@njit(cache=True)
def _true_range(highs: Numbers, lows: Numbers, closes: Numbers) -> Any:
    ranges = np.empty(closes.shape[0])
    for i in range(closes.shape[0]):
        ranges[i] = highs[i] - lows[i]
        if i > 0:
            ranges[i] = max(ranges[i], max(abs(highs[i] - closes[i - 1]), abs(lows[i] - closes[i - 1])))
    return ranges


_TOGETHER = 2_048
"""Windows that are added up side by side, several of them at a time by the processor, within its nearest cache."""


@njit(cache=True)
def _means(values: Numbers, window: int) -> Any:
    """Return the mean of each window, its values added up from the oldest on."""
    means = np.full(values.shape[0], np.nan)
    for first in range(window - 1, values.shape[0], _TOGETHER):
        totals = means[first : first + _TOGETHER]
        totals[:] = 0.0
        for back in range(window - 1, -1, -1):
            ones = values[first - back : first - back + totals.shape[0]]
            for i in range(totals.shape[0]):
                totals[i] += ones[i]
        for i in range(totals.shape[0]):
            totals[i] /= window
    return means


@njit(cache=True)
def _deviations(values: Numbers, window: int, ddof: int) -> Any:
    deviations = np.full(values.shape[0], np.nan)
    if window <= ddof:
        return deviations
    means = _means(values, window)
    for first in range(window - 1, values.shape[0], _TOGETHER):
        squares = deviations[first : first + _TOGETHER]
        squares[:] = 0.0
        centres = means[first : first + _TOGETHER]
        for back in range(window - 1, -1, -1):
            ones = values[first - back : first - back + squares.shape[0]]
            for i in range(squares.shape[0]):
                squares[i] += (ones[i] - centres[i]) * (ones[i] - centres[i])
        for i in range(squares.shape[0]):
            squares[i] = np.sqrt(squares[i] / (window - ddof))
    return deviations


@njit(cache=True)
def _exponential(values: Numbers, period: int, alpha: float) -> Any:
    means = np.full(values.shape[0], np.nan)
    seen = 0
    total = 0.0
    for i in range(values.shape[0]):
        if seen < period:
            if values[i] != values[i]:
                continue
            total += values[i]
            seen += 1
            if seen == period:
                means[i] = total / period
        else:
            means[i] = (1.0 - alpha) * means[i - 1] + alpha * values[i]
    return means


@njit(cache=True)
def _extreme_before(values: Numbers, window: int, side: float) -> Any:
    found = np.full(values.shape[0], np.nan)
    for i in range(window, values.shape[0]):
        best = values[i - window]
        for j in range(i - window + 1, i):
            if (values[j] - best) * side > 0.0:
                best = values[j]
        found[i] = best
    return found


@njit(cache=True)
def _directional(plus: Numbers, minus: Numbers, ranges: Numbers, period: int) -> Any:
    rows = ranges.shape[0]
    plus_di = np.full(rows, np.nan)
    minus_di = np.full(rows, np.nan)
    adx = np.full(rows, np.nan)
    ups = 0.0
    downs = 0.0
    total = 0.0
    sums = 0.0
    last = 0.0
    for i in range(1, rows):
        if i < period:
            ups += plus[i]
            downs += minus[i]
            total += ranges[i]
            continue
        ups += plus[i] - ups / period
        downs += minus[i] - downs / period
        total += ranges[i] - total / period
        plus_di[i] = 100.0 * ups / total if total > 0.0 else 0.0
        minus_di[i] = 100.0 * downs / total if total > 0.0 else 0.0
        moved = plus_di[i] + minus_di[i]
        if moved > 0.0:
            last = 100.0 * abs(plus_di[i] - minus_di[i]) / moved
        if i < 2 * period:
            sums += last
            if i == 2 * period - 1:
                adx[i] = sums / period
        else:
            adx[i] = (adx[i - 1] * (period - 1) + last) / period
    return plus_di, minus_di, adx
