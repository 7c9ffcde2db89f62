"""Where data are cut: drawn from a seed and the security's name, most of them next to decisions."""

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
    """Return at most `count` of `candidates`: a third right after decisions, a third right before, others anywhere.

    A look ahead by one bar changes nothing but the last decision before a cut, and one that picks the best moment of
    all shows another moment until it has come: at places that are drawn from all of them a strategy that decides once
    in a hundred bars would hardly ever be caught.
    """
    times = np.unique(np.concatenate([one.times for one in decided]))
    following = np.searchsorted(history.times[candidates], times, side="right")
    after = np.unique(candidates[following[following < len(candidates)]])
    before = np.unique(candidates[following[following > 0] - 1])
    places = drawn(after, (count + 2) // 3, seed, security)
    places = np.union1d(places, drawn(np.setdiff1d(before, places), (count + 1) // 3, seed, security))
    return np.union1d(places, drawn(np.setdiff1d(candidates, places), count - len(places), seed, security))
