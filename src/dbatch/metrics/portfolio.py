"""What the jobs of a run amount to together; pure functions of arrays, all runs of a batch at once.

`run_of` says of each job which run it belongs to (int64, from 0). Jobs are added up in the order in which they come,
so that whoever gives them by security gets the same bits every time. NaN stands for a number that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dbatch.metrics.daily import DEFAULT_CAPITAL


class DailyDrawdowns(NamedTuple):
    """Of each run the deepest fall of its equity from day to day: in currency, and in per cent of the peak equity."""

    depth: np.ndarray
    pct: np.ndarray


def sums(values: np.ndarray, run_of: np.ndarray, runs: int) -> np.ndarray:
    """Return the sum of `values` over the jobs of each run: float64, 0.0 for a run without jobs.

    A run with one job that has no such number (NaN) has no sum.

    >>> sums(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 2]), 3).tolist()
    [3.0, 0.0, 4.0]
    """
    total: np.ndarray = np.bincount(run_of, weights=values, minlength=runs)
    return total


def shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Return `parts` / `wholes`, float64 of one length; NaN where the whole is 0, or either does not exist.

    Of winning fills and deciding fills it is the win rate, of gross profit and gross loss the profit factor.

    >>> shares(np.array([3.0, 1.0]), np.array([4.0, 0.0])).tolist()
    [0.75, nan]
    """
    ratio: np.ndarray = np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes != 0.0)
    return ratio


def weighted_means(values: np.ndarray, weights: np.ndarray, run_of: np.ndarray, runs: int) -> np.ndarray:
    """Return of each run the mean of its jobs' `values`, where each counts as often as its weight says.

    With round trips as weights, the mean over a job's round trips becomes the mean over all round trips of the run.
    A job of weight 0 does not count, whatever its value; NaN where none does. One that counts alone is the mean,
    bit for bit.

    >>> weighted_means(np.array([2.0, 5.0, np.nan]), np.array([2.0, 1.0, 0.0]), np.array([0, 0, 0]), 1).tolist()
    [3.0]
    """
    counts = weights != 0.0
    value, weight = np.where(counts, values, 0.0), np.where(counts, weights, 0.0)
    mean = shares(sums(value * weight, run_of, runs), sums(weight, run_of, runs))
    return np.where(sums(counts, run_of, runs) == 1, sums(value, run_of, runs), mean)


def united_days(days: Sequence[np.ndarray], daily_pnl: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the days of several securities together, and the P&L of runs over all of them on each of these days.

    `days[i]` (int, days since 1970, rising) are those of security i, `daily_pnl[i]` (float64 currency, a row for
    each run, a column for each of these days) is what it earned. A day of any security is a day of the run; a
    security for which it is none adds nothing.

    >>> united_days([np.array([1, 2]), np.array([2, 5])], [np.array([[10.0, 20.0]]), np.array([[1.0, 2.0]])])
    (array([1, 2, 5]), array([[10., 21.,  2.]]))
    """
    if len(days) == 1:
        return days[0], daily_pnl[0]
    union = np.unique(np.concatenate(days))
    total = np.zeros((len(daily_pnl[0]), len(union)))
    for own, pnl in zip(days, daily_pnl, strict=True):
        total[:, np.searchsorted(union, own)] += pnl
    return union, total


def daily_drawdowns(daily_pnl: np.ndarray, *, capital: float = DEFAULT_CAPITAL) -> DailyDrawdowns:
    """Return the deepest fall of each run's equity, `capital` and all P&L up to and with a day, from its peak so far.

    `daily_pnl` is float64 currency, a row for each run, a column for each day. The first peak is `capital` itself, so
    that a first loss is a drawdown; within a day nothing is seen. The largest percentage may be another drawdown than
    the largest amount. 0.0 for equity that never falls, NaN for P&L that is not finite.

    >>> daily_drawdowns(np.array([[100.0, -300.0, 50.0]]), capital=900.0)
    DailyDrawdowns(depth=array([300.]), pct=array([30.]))
    """
    with np.errstate(invalid="ignore", over="ignore"):
        pnl = np.cumsum(daily_pnl, axis=1)
        peak = np.maximum.accumulate(np.maximum(pnl, 0.0), axis=1)
        fall = peak - pnl
        share = fall / (capital + peak)
        return DailyDrawdowns(fall.max(axis=1, initial=0.0), share.max(axis=1, initial=0.0) * 100.0)
