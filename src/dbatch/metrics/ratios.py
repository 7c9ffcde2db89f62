"""The compiled loops over a series of days; imported on first use, for it imports numba."""

from __future__ import annotations

import math
from typing import Any, Final

from dbatch.metrics.compiled import FLOAT, FLOATS, ROWS, compiled

_ROUNDING: Final = 1e-12
"""A deviation below this share of the capital, and of the largest day, is what rounding left of none."""


@compiled(FLOATS, FLOAT, FLOAT)
def day_ratios(daily: Any, capital: float, days_per_year: float) -> tuple[float, float, float]:
    """Return Sharpe ratio, Sortino ratio and volatility in per cent, all of a year; NaN for what does not exist."""
    count = daily.shape[0]
    total = 0.0
    largest = capital
    for i in range(count):
        total += daily[i]
        largest = max(largest, abs(daily[i]))
    mean = total / count
    squares = 0.0
    falls = 0.0
    for i in range(count):
        squares += (daily[i] - mean) * (daily[i] - mean)
        if daily[i] < 0.0:
            falls += daily[i] * daily[i]
    if count < 2 or not math.isfinite(squares + falls):
        return math.nan, math.nan, math.nan
    deviation = math.sqrt(squares / (count - 1))
    downside = math.sqrt(falls / count)
    year = math.sqrt(days_per_year)
    least = _ROUNDING * largest
    varies = deviation > least
    sharpe = mean / deviation * year if varies else math.nan
    sortino = mean / downside * year if downside > least else math.nan
    return sharpe, sortino, deviation * year / capital * 100.0 if varies else 0.0


@compiled(ROWS, FLOATS, ROWS)
def day_falls_each(daily: Any, capitals: Any, out: Any) -> None:
    """Write into row k of `out` the deepest fall of the equity that row k of `daily` and its capital make, and the
    deepest share of peak equity; NaN for P&L that is not finite."""
    for k in range(daily.shape[0]):
        total = 0.0
        peak = 0.0
        depth = 0.0
        share = 0.0
        for i in range(daily.shape[1]):
            total += daily[k, i]
            peak = max(peak, total)
            fall = peak - total
            depth = max(depth, fall)
            share = max(share, fall / (capitals[k] + peak))
        known = math.isfinite(total)
        out[k, 0] = depth if known else math.nan
        out[k, 1] = share if known else math.nan


@compiled(ROWS, FLOATS, FLOAT, ROWS)
def day_ratios_each(daily: Any, capitals: Any, days_per_year: float, out: Any) -> None:
    """Write into row k of `out` what `day_ratios` gives for row k of `daily` and its capital."""
    for k in range(daily.shape[0]):
        out[k, 0], out[k, 1], out[k, 2] = day_ratios(daily[k], capitals[k], days_per_year)
