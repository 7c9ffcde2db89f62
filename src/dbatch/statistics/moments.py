"""What the formulas of this room need of a series of returns: its Sharpe ratio per period and its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

Numbers = float | np.ndarray
"""A number, or float64 numbers of one shape: what is computed of arrays is an array, of numbers a number."""

_ROUNDING: Final = 1e-12
"""A deviation below this share of the largest return is what rounding left of none."""


def number(value: np.ndarray) -> Numbers:
    """Return `value`, as a float when it has no dimension."""
    return float(value) if np.ndim(value) == 0 else value


@dataclass(frozen=True)
class Moments:
    """Of each series, float64: `sharpe` per period, `skewness`, `kurtosis` (3 for normal returns, not excess),
    `autocorrelation` at lag 1; and how many `observations` all have. NaN where they do not exist."""

    observations: int
    sharpe: np.ndarray
    skewness: np.ndarray
    kurtosis: np.ndarray
    autocorrelation: np.ndarray


def moments(returns: np.ndarray) -> Moments:
    """Return the moments of `returns`, float64, a row per series, a column per period; P&L of a constant capital too.

    The Sharpe ratio is mean / sample deviation (ddof 1), not annualised, as `metrics.daily` has it; skewness and
    kurtosis are those of the population (divided by n), without correction of bias. All are NaN for series without
    variance, up to rounding, with fewer than two returns, or with one that is not finite.

    >>> found = moments(np.array([[30.0, -10.0, -30.0, 50.0], [1.0, 1.0, 1.0, 1.0]]))
    >>> found.sharpe.round(4).tolist(), found.skewness.round(4).tolist(), found.kurtosis.round(4).tolist()
    ([0.2739, nan], [0.0, nan], [1.36, nan])
    """
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    count = rows.shape[1]
    if count < 2:
        nothing = np.full(len(rows), np.nan)
        return Moments(count, nothing, nothing, nothing, nothing)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = rows.mean(axis=1)
        apart = rows - mean[:, None]
        squares = apart * apart
        spread = squares.mean(axis=1)
        varies = np.sqrt(spread) > _ROUNDING * np.abs(rows).max(axis=1)
        spread = np.where(varies, spread, np.nan)
        return Moments(
            observations=count,
            sharpe=mean / np.sqrt(spread * (count / (count - 1))),
            skewness=np.einsum("ij,ij->i", squares, apart) / count / spread**1.5,
            kurtosis=np.einsum("ij,ij->i", squares, squares) / count / spread**2,
            autocorrelation=np.einsum("ij,ij->i", apart[:, 1:], apart[:, :-1]) / count / spread,
        )
