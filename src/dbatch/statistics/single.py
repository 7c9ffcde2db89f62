"""How sure one Sharpe ratio is, in the convention of 2012/14: the error of the estimate at what was observed.

All Sharpe ratios are per period, never annualised; `kurtosis` is 3 for normal returns. Sources: Mertens (2002),
"Comments on variance of the IID estimator in Lo (2002)"; Bailey & López de Prado (2012), "The Sharpe Ratio Efficient
Frontier", J. of Risk 15(2), 3-44.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from dbatch.errors import UsageError
from dbatch.statistics.moments import Numbers, number


def sharpe_error(
    sharpe: Numbers, observations: Numbers, *, skewness: Numbers = 0.0, kurtosis: Numbers = 3.0
) -> Numbers:
    """Return the standard error of an observed `sharpe`: NaN for fewer than two observations.

    >>> round(sharpe_error(0.0, 101), 6)
    0.1
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = _spread(sharpe, skewness, kurtosis) / np.subtract(observations, 1.0)
        return number(np.sqrt(np.where(np.greater(observations, 1.0) & (spread > 0.0), spread, np.nan)))


def psr(
    sharpe: Numbers,
    observations: Numbers,
    *,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    benchmark: Numbers = 0.0,
) -> Numbers:
    """Return the probabilistic Sharpe ratio: how probable it is, 0 to 1, that the true one is above `benchmark`.

    >>> round(psr(0.458, 24, skewness=-2.448, kurtosis=10.164), 4)
    0.9134
    """
    error = sharpe_error(sharpe, observations, skewness=skewness, kurtosis=kurtosis)
    return number(ndtr(np.subtract(sharpe, benchmark) / error))


def min_trl(
    sharpe: Numbers,
    *,
    skewness: Numbers = 0.0,
    kurtosis: Numbers = 3.0,
    benchmark: Numbers = 0.0,
    significance: float = 0.05,
) -> Numbers:
    """Return the minimum track record length: from how many observations on `psr` is above 1 - `significance`.

    Not a whole number; infinite for a Sharpe ratio that is not above the benchmark. Raises UsageError for a
    significance that is not between 0 and 0.5.

    >>> round(min_trl(2 / 250**0.5, benchmark=1 / 250**0.5) / 250, 4)
    2.7312
    """
    if not 0.0 < significance < 0.5:
        raise UsageError(f"significance is {significance!r}, must be above 0 and below 0.5")
    with np.errstate(invalid="ignore", divide="ignore"):
        ahead = np.subtract(sharpe, benchmark)
        needed = 1.0 + _spread(sharpe, skewness, kurtosis) * np.square(ndtri(1.0 - significance) / ahead)
        return number(np.where(ahead > 0.0, needed, np.where(np.isnan(ahead), np.nan, np.inf)))


def _spread(sharpe: Numbers, skewness: Numbers, kurtosis: Numbers) -> np.ndarray:
    """Return the variance of the estimate, times observations: it takes the kurtosis itself, not the excess over 3."""
    spread: np.ndarray = 1.0 - np.multiply(skewness, sharpe) + np.subtract(kurtosis, 1.0) / 4.0 * np.square(sharpe)
    return spread
