"""The convention of 2025/26: tests of a Sharpe ratio with the variance that it has under the hypothesis.

Returns may depend on the day before (`autocorrelation`, that of an AR(1) process), and of the best of several `trials`
also the variance of a maximum is taken. All Sharpe ratios are per period; `kurtosis` is 3 for normal returns. Source:
López de Prado, Lipton & Zoonekynd (2025), "How to Use the Sharpe Ratio", ADIA Lab Research Paper 19, SSRN 5520741.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

from dbatch.errors import UsageError
from dbatch.statistics.best import expected_maximum, of_maximum
from dbatch.statistics.moments import Numbers, number


def variance_under(
    sharpe: Numbers,
    observations: Numbers,
    *,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    autocorrelation: Numbers = 0.0,
    trials: int = 1,
) -> Numbers:
    """Return the variance of an estimate whose true Sharpe ratio is `sharpe`, or of the largest of `trials` such ones.

    NaN for an autocorrelation outside -1 to 1.

    >>> round(variance_under(0.036 / 0.079, 24, skewness=-2.448, kurtosis=10.164) ** 0.5, 3)
    0.329
    """
    rho = np.where(np.abs(autocorrelation) < 1.0, autocorrelation, np.nan)
    linear, square = rho / (1.0 - rho), rho**2 / (1.0 - rho**2)
    of_skewness = (1.0 + linear + square) * np.multiply(skewness, sharpe)
    of_kurtosis = (1.0 + 2.0 * square) * np.subtract(kurtosis, 1.0) / 4.0 * np.square(sharpe)
    spread = (1.0 + 2.0 * linear - of_skewness + of_kurtosis) / observations
    with np.errstate(invalid="ignore"):
        return number(np.where(spread > 0.0, spread, np.nan) * of_maximum(trials).variance)


def psr_under(
    sharpe: Numbers,
    observations: Numbers,
    *,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    autocorrelation: Numbers = 0.0,
    benchmark: float = 0.0,
    trials: int = 1,
) -> Numbers:
    """Return 1 - p of the test that the true Sharpe ratio is `benchmark` against that it is above.

    >>> round(psr_under(0.036 / 0.079, 24, skewness=-2.448, kurtosis=10.164, autocorrelation=0.2), 3)
    0.966
    """
    variance = variance_under(
        benchmark, observations, skewness=skewness, kurtosis=kurtosis, autocorrelation=autocorrelation, trials=trials
    )
    return number(ndtr(np.subtract(sharpe, benchmark) / np.sqrt(variance)))


def dsr_under(
    sharpe: Numbers,
    observations: Numbers,
    *,
    trials: int,
    variance: float,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    autocorrelation: Numbers = 0.0,
) -> Numbers:
    """Return the deflated Sharpe ratio of 2025/26; `variance` is that of the Sharpe ratios of all `trials`.

    The hurdle is that of 2014. The variance is that of the largest of as many estimates, which shrinks with them.
    """
    return psr_under(
        sharpe,
        observations,
        skewness=skewness,
        kurtosis=kurtosis,
        autocorrelation=autocorrelation,
        benchmark=expected_maximum(trials, variance),
        trials=trials,
    )


def min_trl_under(
    sharpe: float,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    benchmark: float = 0.0,
    significance: float = 0.05,
) -> float:
    """Return from how many observations on `psr_under` is above 1 - `significance`; infinite when it never is.

    >>> round(min_trl_under(0.036 / 0.079, skewness=-2.448, kurtosis=10.164), 3)
    13.029
    """
    if not sharpe > benchmark:
        return math.inf
    once = variance_under(benchmark, 1, skewness=skewness, kurtosis=kurtosis, autocorrelation=autocorrelation)
    return float(once * (ndtri(1.0 - significance) / (sharpe - benchmark)) ** 2)


def miss_rate(
    alternative: float,
    observations: int,
    *,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    benchmark: float = 0.0,
    significance: float = 0.05,
) -> float:
    """Return how often the test misses a true Sharpe ratio of `alternative`: beta, or 1 - power.

    >>> round(miss_rate(0.5, 24, skewness=-2.448, kurtosis=10.164), 3)
    0.315
    """

    def deviation(true: float) -> float:
        found = variance_under(
            true, observations, skewness=skewness, kurtosis=kurtosis, autocorrelation=autocorrelation
        )
        return math.sqrt(float(found))

    critical = benchmark + float(ndtri(1.0 - significance)) * deviation(benchmark)
    return float(ndtr((critical - alternative) / deviation(alternative)))


def predicted_false_share(prior: float, significance: float, missed: float) -> float:
    """Return pFDR: of what a test at `significance` finds, the share without skill, when `prior` of all have it.

    `missed` is the `miss_rate`. Raises UsageError for a prior that is not between 0 and 1.

    >>> round(predicted_false_share(0.05, 0.05, 0.315), 3)
    0.581
    """
    _require_prior(prior)
    return 1.0 / (1.0 + (1.0 - missed) * prior / (significance * (1.0 - prior)))


def observed_false_share(
    sharpe: float,
    observations: int,
    *,
    prior: float,
    alternative: float,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    autocorrelation: float = 0.0,
    benchmark: float = 0.0,
) -> float:
    """Return oFDR: of all that come out above `sharpe`, the share without skill, when `prior` have `alternative`.

    Raises UsageError for a prior that is not between 0 and 1.
    """
    _require_prior(prior)
    above = [
        1.0
        - psr_under(
            sharpe,
            observations,
            skewness=skewness,
            kurtosis=kurtosis,
            autocorrelation=autocorrelation,
            benchmark=true,
        )
        for true in (benchmark, alternative)
    ]
    return float(above[0] * (1.0 - prior) / (above[0] * (1.0 - prior) + above[1] * prior))


def _require_prior(prior: float) -> None:
    if not 0.0 < prior < 1.0:
        raise UsageError(f"prior is {prior!r}, must be above 0 and below 1")
