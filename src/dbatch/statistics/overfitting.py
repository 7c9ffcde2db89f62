"""The probability of backtest overfitting: is the choice that was best in one half of the days good in the other?

Source: Bailey, Borwein, López de Prado & Zhu (2016), "The Probability of Backtest Overfitting", J. of Computational
Finance 20(4), 39-69: combinatorially symmetric cross-validation (CSCV).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final

import numpy as np

from dbatch.errors import UsageError

MOST_BLOCKS: Final = 16
"""What the paper recommends: 12,870 ways to split."""

_MOST_CELLS: Final = 60_000_000
"""Splits x trials; above, there are fewer blocks. It is some seconds of one core."""

_CELLS_AT_ONCE: Final = 4_000_000
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Overfitting:
    """`pbo`: the share of splits in which the best trial of one half is at or below the median in the other.

    `slope` is that of its performance out of sample on that in sample, over all splits, None where the latter is
    always the same; `loss_share` the share of splits in which it loses out of sample; `logit` float64, of each of the
    splits ln(w / (1 - w)), w its relative rank out of sample, and `blocks` how many blocks of days were made.
    """

    pbo: float
    slope: float | None
    loss_share: float
    blocks: int
    logit: np.ndarray


def blocks_for(trials: int, days: int) -> int:
    """Return into how many blocks `days` of `trials` are cut: 16, or fewer where that would take long; 0 for too few.

    >>> blocks_for(4_620, 250), blocks_for(50_000, 250), blocks_for(10, 40), blocks_for(1, 250)
    (16, 12, 10, 0)
    """
    fitting = (
        blocks
        for blocks in range(MOST_BLOCKS, 2, -2)
        if days >= 4 * blocks and comb(blocks, blocks // 2) * trials <= _MOST_CELLS
    )
    return next(fitting, 0) if trials >= 2 else 0


def overfitting(returns: np.ndarray, *, blocks: int = MOST_BLOCKS) -> Overfitting:
    """Return how far the choice of the best of `returns`, float64, a row per trial, a column per day, is overfitted.

    Days are cut into `blocks` of equal length; those left over at the end are not used. Performance is the Sharpe ratio
    per period, 0.0 where there is no variance. Of several best trials the first is taken; ranks of equal ones are their
    mean. Raises UsageError for fewer than two trials, an odd number of blocks, or fewer than two days for each.
    """
    rows = np.asarray(returns, np.float64)
    if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
        raise UsageError(f"returns have shape {rows.shape}, must be two or more rows of finite numbers")
    length = rows.shape[1] // blocks if blocks >= 2 else 0
    if blocks % 2 or length < 2:
        raise UsageError(f"{blocks} blocks of {rows.shape[1]} days, must be an even number of two days or more each")
    sums = _BlockSums.of(rows[:, : blocks * length].reshape(len(rows), blocks, length))
    found = [_of_splits(sums, some, blocks * length // 2) for some in _splits(blocks, len(rows))]
    inside, outside, share = (np.concatenate(values) for values in zip(*found, strict=True))
    logit = np.log(share / (1.0 - share))
    return Overfitting(
        pbo=float(np.mean(logit <= 0.0)),
        slope=_slope(inside, outside),
        loss_share=float(np.mean(outside < 0.0)),
        blocks=blocks,
        logit=logit,
    )


@dataclass(frozen=True)
class _BlockSums:
    """Of each trial (column) and block (row): the sums of what it is above its mean, and of the squares of that.

    With them, the Sharpe ratio of any choice of blocks takes a sum over blocks instead of one over days, and no
    difference of large numbers.
    """

    mean: np.ndarray
    apart: np.ndarray
    squares: np.ndarray
    least: np.ndarray

    @classmethod
    def of(cls, blocks: np.ndarray) -> _BlockSums:
        mean = blocks.mean(axis=(1, 2))
        apart = blocks - mean[:, None, None]
        least = _ROUNDING * np.abs(blocks).max(axis=(1, 2))
        return cls(mean, apart.sum(axis=2).T.copy(), (apart * apart).sum(axis=2).T.copy(), least)

    def sharpe(self, chosen: np.ndarray, days: int) -> np.ndarray:
        """Return the Sharpe ratio of each trial over each choice of blocks, a row of `chosen` of 0.0 and 1.0."""
        mean = chosen @ self.apart
        mean /= days
        deviation = chosen @ self.squares
        deviation -= days * mean * mean
        deviation /= days - 1
        np.sqrt(np.maximum(deviation, 0.0, out=deviation), out=deviation)
        mean += self.mean
        found: np.ndarray = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > self.least)
        return found


def _splits(blocks: int, trials: int) -> Iterator[np.ndarray]:
    """Yield each pair of halves once, as rows of 1.0 for the blocks of one and 0.0 for those of the other, which has
    the first block; so many at once as fit into memory."""
    choices = np.array(list(combinations(range(1, blocks), blocks // 2)))
    at_once = max(1, _CELLS_AT_ONCE // trials)
    for start in range(0, len(choices), at_once):
        some = choices[start : start + at_once]
        chosen = np.zeros((len(some), blocks))
        np.put_along_axis(chosen, some, 1.0, axis=1)
        yield chosen


def _of_splits(sums: _BlockSums, chosen: np.ndarray, days: int) -> tuple[np.ndarray, ...]:
    """Return of the best trial of each half: its Sharpe ratio there and in the other half, its relative rank there.

    What is out of sample for one half is in sample for the other: both are two splits.
    """
    halves = sums.sharpe(chosen, days), sums.sharpe(1.0 - chosen, days)
    both = _chosen_in(*halves), _chosen_in(*reversed(halves))
    return tuple(np.concatenate(values) for values in zip(*both, strict=True))


def _chosen_in(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    best = inside.argmax(axis=1)[:, None]
    own = np.take_along_axis(outside, best, axis=1)
    below = np.count_nonzero(outside < own, axis=1)
    equal = np.count_nonzero(outside == own, axis=1)
    rank = below + (equal + 1) / 2.0
    return np.take_along_axis(inside, best, axis=1)[:, 0], own[:, 0], rank / (outside.shape[1] + 1.0)


def _slope(inside: np.ndarray, outside: np.ndarray) -> float | None:
    apart = inside - inside.mean()
    spread = float(apart @ apart)
    return float(apart @ outside) / spread if spread > 0.0 else None
