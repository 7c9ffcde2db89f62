"""What the jobs of a run amount to together; pure functions of arrays, all runs of a batch at once.

`run_of` says of each job which run it belongs to (int64, from 0). Jobs are added up in the order in which they come,
so that whoever gives them by security gets the same bits every time. NaN stands for a number that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from dbatch.metrics.daily import DAYS_PER_YEAR, DEFAULT_CAPITAL, Capitals


class DailyDrawdowns(NamedTuple):
    """Of each run the deepest fall of its equity from day to day: in currency, and in per cent of the peak equity."""

    depth: np.ndarray
    pct: np.ndarray


class DrawdownDates(NamedTuple):
    """A fall of `depth` in currency: the first day below the peak, the deepest one, the first one back at the peak
    (None: not yet), days since 1970; and how many calendar `days` from start to end, or to the last day."""

    depth: float
    start: int
    trough: int
    end: int | None
    days: int


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


def capitals(of_jobs: np.ndarray, run_of: np.ndarray, runs: int) -> np.ndarray:
    """Return what the percentages of each run are of, float64 currency: the sum of its jobs' capitals.

    Of a run with a job that has none of its own (NaN), and of one without jobs, it is the default.

    >>> capitals(np.array([2_000.0, 3_000.0, np.nan]), np.array([0, 0, 1]), 2).tolist()
    [5000.0, 1000000.0]
    """
    total = sums(of_jobs, run_of, runs)
    return np.where(total > 0.0, total, DEFAULT_CAPITAL)


def capital_of(jobs: Iterable[float | None]) -> float:
    """Return what the percentages of a run are of whose jobs have these capitals, None for one without.

    >>> capital_of([2_000.0, 3_000.0]), capital_of([2_000.0, None])
    (5000.0, 1000000.0)
    """
    of_jobs = np.array([np.nan if capital is None else capital for capital in jobs])
    return float(capitals(of_jobs, np.zeros(len(of_jobs), np.int64), 1)[0])


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


def annual_returns_pct(
    daily_pnl: np.ndarray, *, capital: Capitals = DEFAULT_CAPITAL, days_per_year: float = DAYS_PER_YEAR
) -> np.ndarray:
    """Return of each run the mean daily P&L x `days_per_year` in per cent of the capital; NaN without days.

    `daily_pnl` is float64 currency, a row for each run, a column for each day; `capital` is that of all runs, or of
    each. Nothing is reinvested, so it is not compounded.

    >>> annual_returns_pct(np.array([[100.0, -50.0]]), capital=1_000.0, days_per_year=250.0).tolist()
    [625.0]
    """
    if not daily_pnl.shape[1]:
        return np.full(len(daily_pnl), np.nan)
    mean: np.ndarray = daily_pnl.mean(axis=1) * (days_per_year / capital * 100.0)
    return mean


def calmar_ratios(
    daily_pnl: np.ndarray, *, capital: Capitals = DEFAULT_CAPITAL, days_per_year: float = DAYS_PER_YEAR
) -> np.ndarray:
    """Return of each run its annual return / the deepest fall of its daily equity, both in per cent; NaN without one.

    Over the whole series rather than 36 months. Source: Young (1991), "Calmar Ratio: A Smoother Tool", Futures 20(1).

    >>> calmar_ratios(np.array([[100.0, -300.0, 250.0]]), capital=900.0, days_per_year=252.0).round(6).tolist()
    [15.555556]
    """
    fall = daily_drawdowns(daily_pnl, capital=capital).pct
    return shares(annual_returns_pct(daily_pnl, capital=capital, days_per_year=days_per_year), fall)


def deepest_drawdown(
    days: np.ndarray, daily_pnl: np.ndarray, *, capital: float = DEFAULT_CAPITAL
) -> DrawdownDates | None:
    """Return when the deepest fall of one run's daily equity was, None where it never fell; the first of several.

    `days` int, days since 1970, rising, and `daily_pnl` float64 currency have one length.

    >>> deepest_drawdown(np.array([5, 6, 9, 12]), np.array([10.0, -4.0, -1.0, 7.0]))
    DrawdownDates(depth=5.0, start=6, trough=9, end=12, days=6)
    """
    total = np.cumsum(daily_pnl)
    peak = np.maximum.accumulate(np.maximum(total, 0.0))
    fall = peak - total
    if not len(fall) or not fall.max() > 0.0:
        return None
    trough = int(fall.argmax())
    above = np.flatnonzero(fall[:trough] <= 0.0)
    start = int(above[-1]) + 1 if len(above) else 0
    back = np.flatnonzero(fall[trough:] <= 0.0)
    end = int(days[trough + back[0]]) if len(back) else None
    until = int(days[-1]) if end is None else end
    return DrawdownDates(float(fall[trough]), int(days[start]), int(days[trough]), end, until - int(days[start]))


def daily_drawdowns(daily_pnl: np.ndarray, *, capital: Capitals = DEFAULT_CAPITAL) -> DailyDrawdowns:
    """Return the deepest fall of each run's equity, `capital` and all P&L up to and with a day, from its peak so far.

    `daily_pnl` is float64 currency, a row for each run, a column for each day; `capital` is that of all runs, or of
    each. The first peak is `capital` itself, so that a first loss is a drawdown; within a day nothing is seen. The
    largest percentage may be another drawdown than the largest amount. 0.0 for equity that never falls, NaN for P&L
    that is not finite.

    >>> daily_drawdowns(np.array([[100.0, -300.0, 50.0]]), capital=900.0)
    DailyDrawdowns(depth=array([300.]), pct=array([30.]))
    """
    with np.errstate(invalid="ignore", over="ignore"):
        pnl = np.cumsum(daily_pnl, axis=1)
        peak = np.maximum.accumulate(np.maximum(pnl, 0.0), axis=1)
        fall = peak - pnl
        share = fall / (np.broadcast_to(capital, len(pnl))[:, np.newaxis] + peak)
        return DailyDrawdowns(fall.max(axis=1, initial=0.0), share.max(axis=1, initial=0.0) * 100.0)
