"""How many of many small p-values are to be believed."""

from __future__ import annotations

import numpy as np

from dbatch.errors import UsageError


def benjamini_hochberg(p_values: np.ndarray, *, tests: int | None = None) -> np.ndarray:
    """Return the adjusted p-values: taking all up to q as discoveries makes at most a share q of them false ones.

    `p_values` float64, 0 to 1, NaN for a test without a result. `tests` is how many there were in all, those that
    failed among them: they count as p = 1. By default as many as values. It holds for tests that are independent or
    positively dependent. Raises UsageError for fewer tests than values that exist. Source: Benjamini & Hochberg (1995),
    "Controlling the False Discovery Rate", J. of the Royal Statistical Society B 57(1), 289-300.

    >>> benjamini_hochberg(np.array([0.01, 0.02, 0.5, 0.04])).round(4).tolist()
    [0.04, 0.04, 0.5, 0.0533]
    """
    values = np.asarray(p_values, np.float64)
    there = np.flatnonzero(~np.isnan(values))
    count = len(values) if tests is None else tests
    if count < len(there):
        raise UsageError(f"tests is {tests}, must be {len(there)} or more: so many p-values are there")
    order = there[np.argsort(values[there], kind="stable")]
    raised = values[order] * count / np.arange(1, len(order) + 1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted
