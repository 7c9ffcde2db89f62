"""Indicators over bars: float64 arrays as long as the bars, NaN until enough bars are there, no look ahead.

Each function gets all bars of a security (`timestamps`, `opens`, `highs`, `lows`, `closes`, `volumes`). The compiled
loops stand in this module and call nothing of another: numba keeps them on disk, and looks at this file alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def true_range(bars: Any) -> np.ndarray:
    """Return max(high - low, |high - previous close|, |low - previous close|) in currency; high - low at first.

    Source: Wilder (1978), "New Concepts in Technical Trading Systems", chapter 3.
    """
    ranges = bars.highs - bars.lows
    before = bars.closes[:-1]
    ranges[1:] = np.maximum(ranges[1:], np.maximum(abs(bars.highs[1:] - before), abs(bars.lows[1:] - before)))
    return np.asarray(ranges)


def average_true_range(bars: Any, period: int) -> np.ndarray:
    """Return Wilder's mean of the true range over `period` bars, in currency."""
    return wilder_mean(true_range(bars), period)


def wilder_mean(values: np.ndarray, period: int) -> np.ndarray:
    """Return the exponential mean with alpha 1 / `period`, seeded with the mean of the first `period` values.

    Values may begin with NaN, which are passed over. Source: as `true_range`.
    """
    return np.asarray(_exponential_mean(np.ascontiguousarray(values), period, 1.0 / period))


@njit(cache=True)
def _exponential_mean(values: np.ndarray, period: int, alpha: float) -> np.ndarray:
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
