"""Where data are cut: drawn from a seed and the security's name, half of the places right after decisions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from dbatch.checks.decisions import Decisions
from dbatch.checks.history import History


def drawn(candidates: np.ndarray, count: int, seed: int, security: str) -> np.ndarray:
    """Return at most `count` of the places in `candidates`, rising, the same for the same seed and security."""
    rng = np.random.default_rng([seed, zlib.crc32(security.encode())])
    return np.sort(rng.choice(candidates, min(count, len(candidates)), replace=False))


def cuts_of(
    history: History, candidates: np.ndarray, decided: Sequence[Decisions], count: int, seed: int, security: str
) -> np.ndarray:
    """Return at most `count` of `candidates` after the first decision: half right after one, the others anywhere.

    A look ahead by one bar changes nothing but the last decision before a cut: at a place that is drawn from all of
    them a strategy that decides once in a hundred bars would hardly ever be caught.
    """
    times = np.unique(np.concatenate([one.times for one in decided]))
    if not len(times) or not len(candidates):
        return np.empty(0, np.int64)
    later = candidates[history.times[candidates] > times[0]]
    after = np.searchsorted(history.times[later], times, side="right")
    after_decisions = np.unique(later[after[after < len(later)]])
    near = drawn(after_decisions, (count + 1) // 2, seed, security)
    others = np.setdiff1d(later, near)
    return np.union1d(near, drawn(others, count - len(near), seed, security))
