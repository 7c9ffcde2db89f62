"""Intervals for Sharpe ratios by the stationary bootstrap: days are drawn in blocks, what hangs together stays so.

Sources: Politis & Romano (1994), "The Stationary Bootstrap", J. of the American Statistical Association 89, 1303-1313;
for the length of blocks Politis & White (2004), "Automatic Block-Length Selection for the Dependent Bootstrap",
Econometric Reviews 23(1), 53-70, corrected by Patton, Politis & White (2009), Econometric Reviews 28(4), 372-375.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from dbatch.errors import UsageError

RESAMPLES: Final = 1_000
CONFIDENCE: Final = 0.95
_ROWS_AT_ONCE: Final = 2_000
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class SharpeIntervals:
    """Of each series `low` and `high`, per period, NaN without variance; `block`, the mean length of its blocks."""

    low: np.ndarray
    high: np.ndarray
    block: np.ndarray


def sharpe_intervals(
    returns: np.ndarray, *, seed: int, resamples: int = RESAMPLES, confidence: float = CONFIDENCE
) -> SharpeIntervals:
    """Return percentile intervals for the Sharpe ratio per period of `returns`, float64, a row per series.

    Blocks have the `block_lengths` of each series, rounded up to a power of two; series with equal ones are given the
    same days. The same returns and `seed` give the same bits. Raises UsageError for a confidence not between 0 and 1,
    or fewer than 100 resamples.
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence!r}, must be above 0 and below 1")
    if resamples < 100:
        raise UsageError(f"resamples is {resamples}, must be 100 or more")
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    low, high = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    block = np.exp2(np.ceil(np.log2(np.maximum(block_lengths(rows), 1.0))))
    tails = [50.0 * (1.0 - confidence), 50.0 * (1.0 + confidence)]
    for length in np.unique(block[np.isfinite(block)]).tolist():
        times = drawn_days(rows.shape[1], length, resamples=resamples, seed=seed)
        places = np.flatnonzero(block == length)
        for start in range(0, len(places), _ROWS_AT_ONCE):
            some = places[start : start + _ROWS_AT_ONCE]
            low[some], high[some] = np.percentile(_sharpes(rows[some], times), tails, axis=0)
    return SharpeIntervals(low, high, block)


def drawn_days(days: int, block: float, *, resamples: int, seed: int) -> np.ndarray:
    """Return how often each of `days` is drawn: float64, a row per resample, each adding up to `days`.

    A block begins anywhere, goes on past the last day with the first one, and ends with probability 1 / `block` after
    each day.
    """
    rng = np.random.default_rng([seed, round(block)])
    begins = rng.random((resamples, days)) < 1.0 / block
    begins[:, 0] = True
    starts = rng.integers(0, days, (resamples, days))
    at = np.arange(days)
    of_block = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    drawn = (np.take_along_axis(starts, of_block, axis=1) + at - of_block) % days
    drawn += np.arange(resamples)[:, None] * days
    return np.bincount(drawn.ravel(), minlength=resamples * days).reshape(resamples, days).astype(np.float64)


def block_lengths(returns: np.ndarray) -> np.ndarray:
    """Return the best mean length of blocks for the stationary bootstrap of each row, in days; NaN without variance.

    Never above min(3 sqrt(days), days / 3), rounded up.
    """
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    days = rows.shape[1]
    if days < 10:
        return np.full(len(rows), np.nan)
    apart = rows - rows.mean(axis=1, keepdims=True)
    insignificant = max(5, int(math.log10(days)))
    most = min(math.ceil(math.sqrt(days)) + insignificant, days - 2)
    covariance, correlation = _dependence(apart, most)
    small = np.abs(correlation) < 2.0 * math.sqrt(math.log10(days) / days)
    last = _last_significant(small, insignificant, most)
    window = np.minimum(np.where(last < 0, most, 2 * np.maximum(last, 1)), most)
    lag = np.arange(1, most + 1)
    share = lag / window[:, None]
    weight = np.where(share <= 0.5, 1.0, np.maximum(2.0 * (1.0 - share), 0.0))
    moved = 2.0 * (weight * lag * covariance[:, 1:]).sum(axis=1)
    long_run = covariance[:, 0] + 2.0 * (weight * covariance[:, 1:]).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.cbrt(moved**2 / long_run**2 * days)
    varies = np.sqrt(covariance[:, 0]) > _ROUNDING * np.abs(rows).max(axis=1)
    return np.where(varies, np.minimum(length, math.ceil(min(3.0 * math.sqrt(days), days / 3.0))), np.nan)


def _dependence(apart: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return covariances with the days up to `most` before, and correlations of the overlapping parts."""
    days = apart.shape[1]
    covariance, correlation = np.empty((len(apart), most + 1)), np.empty((len(apart), most + 1))
    squares = np.cumsum(apart * apart, axis=1)
    for lag in range(most + 1):
        products = np.einsum("ij,ij->i", apart[:, lag:], apart[:, : days - lag])
        covariance[:, lag] = products / days
        late, early = squares[:, -1] - squares[:, lag], squares[:, days - lag - 2]
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation[:, lag] = products / np.sqrt(late * early)
    return covariance, correlation


def _last_significant(small: np.ndarray, in_a_row: int, most: int) -> np.ndarray:
    """Return the lag before the first `in_a_row` small correlations of each row, -1 where there are none.

    The run of lags begins with 0, as in the code that the paper's authors published.
    """
    runs: np.ndarray = np.all(np.lib.stride_tricks.sliding_window_view(small[:, :most], in_a_row, axis=1), axis=2)
    return np.where(runs.any(axis=1), runs.argmax(axis=1), -1)


def _sharpes(rows: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the Sharpe ratio of each row (column) in each resample (row), 0.0 for one without variance."""
    days = rows.shape[1]
    mean = rows.mean(axis=1)
    apart = rows - mean[:, None]
    moved = times @ apart.T / days
    deviation = np.sqrt(np.maximum(times @ (apart * apart).T - days * moved * moved, 0.0) / (days - 1))
    moved += mean
    varies = deviation > _ROUNDING * np.abs(rows).max(axis=1)
    found: np.ndarray = np.divide(moved, deviation, out=np.zeros_like(moved), where=varies)
    return found
