"""Building blocks of a cross-section: one value for each security, all on the same day; NaN is a missing one."""

from __future__ import annotations

import numpy as np

_SAME = 1e-10
"""A deviation up to here is none."""


def winsorized(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return `values` with those beyond the `low` and `high` quantiles (0 to 1, of those present) set to these.

    Quantiles lie on the line between neighbouring values.

    >>> winsorized(np.array([0.0, 1.0, 2.0, 3.0, 100.0]), 0.0, 0.75).tolist()
    [0.0, 1.0, 2.0, 3.0, 3.0]
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return values
    least, most = np.quantile(present, [low, high])
    clipped: np.ndarray = np.clip(values, least, most)
    return clipped


def z_scores(values: np.ndarray) -> np.ndarray:
    """Return how many deviations (ddof 1) each value lies above the mean.

    Missing for fewer than two values, 0.0 for those that are all the same.

    >>> z_scores(np.array([1.0, 3.0, np.nan])).round(3).tolist()
    [-0.707, 0.707, nan]
    """
    present = values[~np.isnan(values)]
    if len(present) < 2:
        return np.full(len(values), np.nan)
    deviation = present.std(ddof=1)
    scores: np.ndarray = (values - present.mean()) / deviation if deviation > _SAME else values * 0.0
    return scores


def combined(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return each security's weighted mean over the factors that it has: float64, NaN where it has none.

    `scores` has a row for each security and a column for each factor; weights of those present add up to one again.

    >>> combined(np.array([[1.0, 2.0], [3.0, np.nan]]), np.array([0.75, 0.25])).tolist()
    [1.25, 3.0]
    """
    total = np.zeros(len(scores))
    weight = np.zeros(len(scores))
    for column, share in zip(scores.T, weights, strict=True):  # in this order: sums depend on theirs
        is_there = ~np.isnan(column)
        total[is_there] += column[is_there] * share
        weight[is_there] += share
    mean: np.ndarray = np.divide(total, weight, out=np.full(len(scores), np.nan), where=weight > 0.0)
    return mean


def equal_weighted_sides(scores: np.ndarray, *, share: float, least: int, gross: float, net: float) -> np.ndarray:
    """Return weights, float64: the best scores long, the worst short, equal inside a side, 0.0 for all others.

    A side has `share` of the securities with a score, but at least `least`; with too few for both sides nobody has a
    weight. The long side adds up to gross / 2 + net / 2, the short one to -(gross / 2 - net / 2). Of equal scores the
    first security comes first on the long side, the last first on the short one.

    >>> equal_weighted_sides(np.array([3.0, 1.0, np.nan, 2.0, 0.0]), share=0.2, least=2, gross=1.0, net=0.0).tolist()
    [0.25, -0.25, 0.0, 0.25, -0.25]
    """
    weights = np.zeros(len(scores))
    scored = np.flatnonzero(~np.isnan(scores))
    side = max(least, int(share * len(scored) + 1e-9))  # 0.2 * 15 is 3, also where the product is a bit less
    if 2 * side > len(scored):
        return weights
    ranked = scored[np.argsort(-scores[scored], kind="stable")]
    weights[ranked[:side]] = (gross / 2.0 + net / 2.0) / side
    weights[ranked[-side:]] = -(gross / 2.0 - net / 2.0) / side
    return weights
