"""How much trials are alike: correlations of their daily P&L, clusters, how many independent ones they amount to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST_CLUSTERED: Final = 5_000
"""Above so many trials they are not clustered: all pairs of 5,000 take 100 MB and a second."""

ALIKE: Final = 0.5
"""Clusters are merged while the mean correlation between them is at least this."""

_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class EffectiveTrials:
    """How many independent trials as many as there are amount to, by three methods that need not agree.

    `by_clusters`: how many clusters there are, None above `MOST_CLUSTERED` trials. `by_rank`: the effective rank of the
    correlation matrix, never above the number of days less one. `by_correlation`: N (1 - c) + c, with
    `mean_correlation` c between any two. All are over trials with variance, `trials` of them.
    """

    trials: int
    mean_correlation: float
    by_correlation: float
    by_rank: float
    by_clusters: int | None


def correlations(returns: np.ndarray) -> np.ndarray:
    """Return the correlation of each row of `returns` with each: float64, symmetric; NaN with one without variance.

    >>> correlations(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    scaled = _scaled(returns)
    found: np.ndarray = np.clip(scaled @ scaled.T, -1.0, 1.0)
    known = ~np.isnan(scaled[:, 0])
    found[np.diag_indices_from(found)] = np.where(known, 1.0, np.nan)
    return found


def clusters(returns: np.ndarray, *, alike: float = ALIKE) -> np.ndarray:
    """Return the cluster of each row of `returns`: int64 from 0 in order of first members, -1 without variance.

    Average linkage over 1 - correlation: clusters are merged while the mean correlation between them is `alike` or
    more. Time and memory grow with the square of the rows.

    >>> clusters(np.array([[1.0, 2.0, 4.0], [9.0, 1.0, 2.0], [1.1, 2.0, 4.0], [5.0, 5.0, 5.0]])).tolist()
    [0, 1, 0, -1]
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    scaled = _scaled(returns)
    known = np.flatnonzero(~np.isnan(scaled[:, 0]))
    found = np.full(len(scaled), -1, np.int64)
    if len(known) == 1:
        found[known] = 0
    if len(known) > 1:
        apart = pdist(scaled[known], "sqeuclidean") / 2.0  # of rows of length 1 this is 1 - correlation
        labels = fcluster(linkage(apart, "average"), 1.0 - alike, "distance")
        _, first, place = np.unique(labels, return_index=True, return_inverse=True)
        found[known] = np.argsort(np.argsort(first))[place]
    return found


def effective_rank(correlation: np.ndarray) -> float:
    """Return exp(entropy of the eigenvalues' shares) of a correlation matrix: 1 for all alike, N for all unlike.

    Source: Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality", EUSIPCO, 606-610.

    >>> round(effective_rank(np.array([[1.0, 0.1, 0.7], [0.1, 1.0, 0.8], [0.7, 0.8, 1.0]])), 2)
    1.84
    """
    return _rank_of(np.linalg.eigvalsh(correlation))


def effective_trials(returns: np.ndarray, cluster: np.ndarray | None = None) -> EffectiveTrials | None:
    """Return how many independent trials `returns`, a row per trial, amount to; None without any that varies.

    `cluster` are their `clusters`, None where these are not known.
    """
    scaled = _scaled(returns)
    scaled = scaled[~np.isnan(scaled[:, 0])]
    trials, days = scaled.shape
    if not trials:
        return None
    total = scaled.sum(axis=0)
    mean = (float(total @ total) - trials) / (trials * (trials - 1)) if trials > 1 else 1.0
    small = scaled @ scaled.T if trials <= days else scaled.T @ scaled  # either has all eigenvalues that are not 0
    return EffectiveTrials(
        trials=trials,
        mean_correlation=mean,
        by_correlation=max(1.0, trials * (1.0 - max(mean, 0.0)) + max(mean, 0.0)),
        by_rank=_rank_of(np.linalg.eigvalsh(small)),
        by_clusters=None if cluster is None else int(cluster.max()) + 1,
    )


def _scaled(returns: np.ndarray) -> np.ndarray:
    """Return rows of mean 0 and length 1, NaN for those without variance."""
    rows = np.atleast_2d(np.asarray(returns, np.float64))
    apart = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    varies = length > _ROUNDING * np.abs(rows).max(axis=1) * math.sqrt(rows.shape[1])
    scaled: np.ndarray = apart / np.where(varies, length, np.nan)[:, None]
    return scaled


def _rank_of(eigenvalues: np.ndarray) -> float:
    shares = eigenvalues[eigenvalues > _ROUNDING * eigenvalues.max()] / eigenvalues[eigenvalues > 0.0].sum()
    return math.exp(-float(shares @ np.log(shares)))
