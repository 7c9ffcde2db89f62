"""How often these statistics would have cried success over results like those of a batch, but without any skill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final

import numpy as np

from dbatch.errors import UsageError
from dbatch.statistics.best import expected_maximum_of
from dbatch.statistics.bootstrap import block_lengths, drawn_days
from dbatch.statistics.discoveries import benjamini_hochberg
from dbatch.statistics.moments import Moments, moments
from dbatch.statistics.single import psr
from dbatch.statistics.under_null import psr_under

REPEATS: Final = 200
LEVEL: Final = 0.95
_CELLS_AT_ONCE: Final = 4_000_000
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Cries:
    """Of so many repeats without skill, the share in which each way of looking would have cried success.

    `psr`: the best run on its own; `dsr`, `dsr_2025`: with all trials counted; `discovery`: any adjusted p-value.
    `runs` were chosen from each time, `trials` were counted. `best_sharpe` float64, per day, is that of the best of
    each; `actual_sharpe` that of the best before its skill was taken away, None where it never had any.
    """

    repeats: int
    runs: int
    trials: int
    days: int
    psr: float
    dsr: float
    dsr_2025: float
    discovery: float
    best_sharpe: np.ndarray
    actual_sharpe: float | None = None

    @property
    def reached(self) -> float | None:
        """Return the share of repeats whose best is as good as the actual one: the p-value of a reality check.

        Source: White (2000), "A Reality Check for Data Snooping", Econometrica 68(5), 1097-1126.
        """
        if self.actual_sharpe is None:
            return None
        return float(np.mean(self.best_sharpe >= self.actual_sharpe))


def without_skill(returns: np.ndarray, *, trials: int, seed: int, repeats: int = REPEATS) -> Cries:
    """Return how often success is cried over `returns`, float64, a row per run, a column per day, with their mean gone.

    Each repeat draws days with replacement in blocks (`bootstrap.drawn_days`), the same for all runs, from what each
    run earned above its mean: runs stay as much alike, as volatile and as skew as they were, and none has any skill.
    Raises UsageError for fewer than two runs with variance, fewer trials than runs, or fewer than ten repeats.
    """
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    sharpe = moments(rows).sharpe
    rows, sharpe = rows[~np.isnan(sharpe)], sharpe[~np.isnan(sharpe)]
    _require(len(rows), trials, repeats)
    apart = rows - rows.mean(axis=1, keepdims=True)
    block = float(np.nanmedian(block_lengths(rows))) if rows.shape[1] >= 10 else 1.0
    times = drawn_days(rows.shape[1], max(1.0, round(block)), resamples=repeats, seed=seed)
    at_once = max(1, _CELLS_AT_ONCE // len(rows))
    drawn = (_drawn_moments(apart, times[start : start + at_once]) for start in range(0, repeats, at_once))
    found = _cries((one for some in drawn for one in _each(some)), trials)
    return replace(found, actual_sharpe=float(sharpe.max()))


def of_groups(returns: np.ndarray, *, group: int) -> Cries:
    """Return how often success is cried over `returns` of runs that have no skill, `group` after `group` of them.

    Raises UsageError for fewer than two in a group, or rows that are not a multiple of it.
    """
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    if group < 2 or len(rows) % group or not len(rows):
        raise UsageError(f"{len(rows)} runs in groups of {group}, must be a multiple of two or more")
    found = (moments(rows[start : start + group]) for start in range(0, len(rows), group))
    return _cries(found, group)


def _require(runs: int, trials: int, repeats: int) -> None:
    if runs < 2:
        raise UsageError(f"{runs} runs have days that differ, must be two or more")
    if trials < runs:
        raise UsageError(f"trials is {trials}, must be {runs} or more: so many runs are there")
    if repeats < 10:
        raise UsageError(f"repeats is {repeats}, must be 10 or more")


def _drawn_moments(apart: np.ndarray, times: np.ndarray) -> Moments:
    """Return moments of each row when days are drawn `times`: a row per resample, a column per row of `apart`.

    The order of days is not kept, and so no autocorrelation: it counts as 0.
    """
    days = apart.shape[1]
    powers = reduce(lambda found, _: [*found, found[-1] * apart], range(3), [apart])
    first, second, third, fourth = (times @ power.T / days for power in powers)
    spread = second - first**2
    least = _ROUNDING * np.abs(apart).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.where(spread > least * least, spread, np.nan)
        skewness = (third - 3.0 * first * second + 2.0 * first**3) / spread**1.5
        kurtosis = (fourth - 4.0 * first * third + 6.0 * first**2 * second - 3.0 * first**4) / spread**2
        return Moments(days, first / np.sqrt(spread * (days / (days - 1))), skewness, kurtosis, np.zeros_like(first))


def _each(found: Moments) -> Iterator[Moments]:
    shapes = (found.sharpe, found.skewness, found.kurtosis, found.autocorrelation)
    for values in zip(*shapes, strict=True):
        yield Moments(found.observations, *values)


def _cries(repeats: Iterator[Moments], trials: int) -> Cries:
    cried, best_sharpe = [], []
    runs = days = 0
    for one in repeats:
        runs, days = len(one.sharpe), one.observations
        sharpe = float(np.nanmax(one.sharpe)) if not np.isnan(one.sharpe).all() else 0.0
        best_sharpe.append(sharpe)
        cried.append(_cries_once(one, trials))
    psr_share, dsr_share, dsr_2025, discovery = np.mean(cried, axis=0).tolist()
    return Cries(len(cried), runs, trials, days, psr_share, dsr_share, dsr_2025, discovery, np.array(best_sharpe))


def _cries_once(one: Moments, trials: int) -> tuple[bool, bool, bool, bool]:
    known = ~np.isnan(one.sharpe)
    if np.count_nonzero(known) < 2:
        return False, False, False, False
    at = int(np.nanargmax(one.sharpe))
    sharpe, days = float(one.sharpe[at]), one.observations
    skewness, kurtosis = float(one.skewness[at]), float(one.kurtosis[at])
    hurdle = expected_maximum_of(trials, float(one.sharpe[known].var(ddof=1)))
    deflated = psr(sharpe, days, skewness=skewness, kurtosis=kurtosis, benchmark=hurdle)
    under = psr_under(
        sharpe,
        days,
        skewness=skewness,
        kurtosis=kurtosis,
        autocorrelation=float(one.autocorrelation[at]),
        benchmark=hurdle,
        trials=trials,
    )
    p_values = 1.0 - np.asarray(psr(one.sharpe, days, skewness=one.skewness, kurtosis=one.kurtosis))
    lowest = float(np.nanmin(benjamini_hochberg(p_values, tests=trials)))
    alone = psr(sharpe, days, skewness=skewness, kurtosis=kurtosis)
    return bool(alone > LEVEL), bool(deflated > LEVEL), bool(under > LEVEL), lowest <= 1.0 - LEVEL
