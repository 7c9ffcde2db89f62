"""What the best of many trials is worth: how high it gets by chance, and what is left above that.

Sharpe ratios and their variance are per period. Sources: Bailey & López de Prado (2014), "The Deflated Sharpe Ratio",
J. of Portfolio Management 40(5), 94-107; Bailey, Borwein, López de Prado & Zhu (2014), "Pseudo-Mathematics and
Financial Charlatanism", Notices of the AMS 61(5), 458-471.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from dbatch.errors import UsageError
from dbatch.statistics.moments import Numbers
from dbatch.statistics.single import psr

FEW_TRIALS: Final = 10
"""Below so many trials the formula is up to 8 % too low, which flatters; `expected_maximum_of` integrates there."""

_REACH: Final = 9.0
_STEPS: Final = 4_001


class OfMaximum(NamedTuple):
    """Mean and variance of the largest of several independent standard normal numbers."""

    mean: float
    variance: float


def expected_maximum(trials: float, variance: float = 1.0) -> float:
    """Return the Sharpe ratio that the best of `trials` without any skill is expected to have, by the formula of 2014.

    `variance` is that of the trials' Sharpe ratios. 0.0 for a single trial. Raises UsageError for fewer than one, or a
    variance below 0.

    >>> round(expected_maximum(100, 0.5 / 250), 10)
    0.1131720019
    """
    _require(trials, variance)
    if trials == 1:
        return 0.0
    low, high = ndtri(1.0 - 1.0 / trials), ndtri(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * float((1.0 - np.euler_gamma) * low + np.euler_gamma * high)


def expected_maximum_of(trials: int, variance: float = 1.0) -> float:
    """Return what `expected_maximum` does, integrated where trials are few and the formula is too low.

    >>> round(expected_maximum_of(2), 6), expected_maximum_of(100) == expected_maximum(100)
    (0.56419, True)
    """
    _require(trials, variance)
    if trials >= FEW_TRIALS:
        return expected_maximum(trials, variance)
    return math.sqrt(variance) * of_maximum(trials).mean


@lru_cache(maxsize=64)
def of_maximum(trials: int) -> OfMaximum:
    """Return mean and variance of the largest of `trials` independent standard normal numbers, to 1e-10.

    >>> of_maximum(1)
    OfMaximum(mean=0.0, variance=1.0)
    """
    _require(trials, 1.0)
    if trials == 1:
        return OfMaximum(0.0, 1.0)
    z = np.linspace(-_REACH, _REACH, _STEPS)  # all of a smooth density that vanishes at both ends: sums converge fast
    density = trials * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) * ndtr(z) ** (trials - 1) * (z[1] - z[0])
    mean = float(density @ z)
    return OfMaximum(mean, float(density @ (z - mean) ** 2))


def dsr(
    sharpe: Numbers,
    observations: Numbers,
    *,
    trials: int,
    variance: float,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
) -> Numbers:
    """Return the deflated Sharpe ratio of 2014: how probable it is, 0 to 1, that a true one is behind the best.

    It is `psr` against the `expected_maximum` of `trials`, all that were tried; `sharpe`, `observations`, `skewness`
    and `kurtosis` are those of the trial that was selected.

    >>> round(dsr(2.5 / 250**0.5, 1250, trials=100, variance=0.5 / 250, skewness=-3.0, kurtosis=10.0), 10)
    0.9003968344
    """
    hurdle = expected_maximum(trials, variance)
    return psr(sharpe, observations, skewness=skewness, kurtosis=kurtosis, benchmark=hurdle)


def min_btl(trials: float, target: float = 1.0) -> float:
    """Return the minimum backtest length in years: over fewer, the best of `trials` without skill beats `target`.

    `target` is an annual Sharpe ratio. Raises UsageError for fewer than one trial, or a target not above 0.

    >>> round(min_btl(45), 2)
    5.0
    """
    if not target > 0.0:
        raise UsageError(f"target is {target!r}, must be above 0")
    return (expected_maximum(trials) / target) ** 2


def _require(trials: float, variance: float) -> None:
    if not trials >= 1:
        raise UsageError(f"trials is {trials!r}, must be 1 or more")
    if not variance >= 0.0:
        raise UsageError(f"variance is {variance!r}, must be 0 or more")
