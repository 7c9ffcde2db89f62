"""From rules to target positions: what the vectorised strategies of this package share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def side_of(difference: np.ndarray) -> np.ndarray:
    """Return 1.0 where `difference` is above 0, -1.0 where below, NaN (as before) where it is 0 or unknown."""
    return np.where(difference > 0.0, 1.0, np.where(difference < 0.0, -1.0, np.nan))


def entered(
    buys: np.ndarray, sells: np.ndarray, leaves_long: np.ndarray | None = None, leaves_short: np.ndarray | None = None
) -> np.ndarray:
    """Return the target position at each bar: boolean arrays in, float64 out.

    `buys` makes it 1.0, `sells` -1.0, whatever it was; `leaves_long` ends the one, `leaves_short` the other, where the
    same bar enters nothing. Without these a position lasts until the opposite signal. A bar that both buys and sells
    does neither.
    """
    never = np.zeros(len(buys), np.bool_)
    out_of_long = never if leaves_long is None else leaves_long
    out_of_short = never if leaves_short is None else leaves_short
    return np.asarray(_entered(buys & ~sells, sells & ~buys, out_of_long, out_of_short))


def crosses_above(values: np.ndarray, level: Any) -> np.ndarray:
    """Return where `values` are above `level` (a number, or one a bar) and were at or below it one bar before."""
    above = values > level
    below = values <= level
    return np.concatenate([[False], above[1:] & below[:-1]])


def crosses_below(values: np.ndarray, level: Any) -> np.ndarray:
    """Return where `values` are below `level` (a number, or one a bar) and were at or above it one bar before."""
    return crosses_above(-values, -level)


@njit(cache=True)
def _entered(buys: Any, sells: Any, leaves_long: Any, leaves_short: Any) -> Any:
    targets = np.zeros(buys.shape[0])
    target = 0.0
    for i in range(buys.shape[0]):
        if buys[i]:
            target = 1.0
        elif sells[i]:
            target = -1.0
        elif (target > 0.0 and leaves_long[i]) or (target < 0.0 and leaves_short[i]):
            target = 0.0
        targets[i] = target
    return targets
