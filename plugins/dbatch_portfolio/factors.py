"""Factors of one security, each of its bars and those before them alone.

With p the close: `returns_12m` = log p[t] / p[t-252]; `momentum_12m_excl_1m` = log p[t-21] / p[t-252];
`trend_strength_K` = (p - mean of the last K closes) / ATR_20, the mean of the last 20 true ranges, or, of data with
closes alone, of the last 20 absolute changes of the close; `rv_K` = deviation (ddof 1) of the last K log returns x
sqrt(252). The first bars, and an ATR of 0.0, have none (NaN).
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_YEAR: Final = 252
_MONTH: Final = 21
_ATR: Final = 20
_WITH_LENGTH: Final = re.compile(r"(trend_strength|rv)_([1-9]\d{0,3})")


def is_factor(name: str) -> bool:
    """Return whether there is a factor called `name`."""
    match = _WITH_LENGTH.fullmatch(name)
    return name in ("returns_12m", "momentum_12m_excl_1m") or (match is not None and int(match[2]) > 1)


def factor(bars: Any, name: str) -> np.ndarray:
    """Return the factor called `name`, float64, a value for each bar, NaN where there is none."""
    closes = bars.closes
    if name == "returns_12m":
        return _log_ratio(closes, 0, _YEAR)
    if name == "momentum_12m_excl_1m":
        return _log_ratio(closes, _MONTH, _YEAR)
    kind, _, length = name.rpartition("_")
    if kind == "rv":
        returns = np.log(closes[1:] / closes[:-1])
        return _late(_windows(returns, int(length)).std(axis=1, ddof=1) * np.sqrt(_YEAR), len(closes))
    mean = _late(_windows(closes, int(length)).mean(axis=1), len(closes))
    atr = _late(_windows(true_ranges(bars), _ATR).mean(axis=1), len(closes))
    strength: np.ndarray = np.divide(closes - mean, atr, out=np.full(len(closes), np.nan), where=atr > 0.0)
    return strength


def true_ranges(bars: Any) -> np.ndarray:
    """Return the true range of each bar but the first, float64.

    max(high - low, |high - close before|, |low - close before|), which for closes alone is the absolute change. Source:
    Wilder (1978), "New Concepts in Technical Trading Systems".
    """
    before = bars.closes[:-1]
    spans = (bars.highs[1:] - bars.lows[1:], np.abs(bars.highs[1:] - before), np.abs(bars.lows[1:] - before))
    ranges: np.ndarray = np.maximum.reduce(spans)
    return ranges


def _log_ratio(closes: np.ndarray, recent: int, past: int) -> np.ndarray:
    """Return log of the close `recent` bars ago over that of `past` bars ago."""
    return _late(
        np.log(closes[past - recent : len(closes) - recent] / closes[: max(0, len(closes) - past)]), len(closes)
    )


def _windows(values: np.ndarray, length: int) -> np.ndarray:
    return sliding_window_view(values, length) if len(values) >= length else np.empty((0, length))


def _late(values: np.ndarray, count: int) -> np.ndarray:
    """Return `values` as the last ones of `count`, NaN before them."""
    found = np.full(count, np.nan)
    found[count - len(values) :] = values
    return found
