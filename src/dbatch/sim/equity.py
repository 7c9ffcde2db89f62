"""The equity of a strategy over bars, marked to market at each close: its peak and its deepest fall."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

_A_BIT_MORE = 1.0 + 1e-14


class Falls(NamedTuple):
    """The peak of the equity so far, in currency, and its deepest falls.

    `depth` is the largest in currency, `share` the largest as a share of its peak. Of the one in currency: the bars
    where it `start`ed (the first below the peak), was deepest (`trough`) and was made good (`end`), -1 for none yet;
    `under` is the first bar below the present peak, -1 at the peak. An equity below the peak, but not below `known`, is
    nothing new.
    """

    peak: float
    depth: float
    share: float
    start: int
    trough: int
    end: int
    under: int
    known: float


@njit(inline="always")
def no_falls(capital: float) -> Falls:
    """Return what is known before the first bar."""
    return Falls(capital, 0.0, 0.0, -1, -1, -1, -1, capital)


@njit(inline="always")
def with_equity(falls: Falls, equity: float, bar: int) -> Falls:
    """Return `falls` after a bar that ended with `equity`; most bars change nothing, by two comparisons."""
    if falls.known <= equity < falls.peak:
        return falls
    if equity >= falls.peak:
        end = bar if falls.under >= 0 and falls.under == falls.start and falls.end < 0 else falls.end
        return Falls(equity, falls.depth, falls.share, falls.start, falls.trough, end, -1, equity)
    under = bar if falls.under < 0 else falls.under
    depth = falls.peak - equity
    share = max(falls.share, 1.0 - equity / falls.peak)
    known = max(falls.peak - max(depth, falls.depth), falls.peak * (1.0 - share)) * _A_BIT_MORE
    if depth > falls.depth:
        return Falls(falls.peak, depth, share, under, bar, -1, under, known)
    return Falls(falls.peak, falls.depth, share, falls.start, falls.trough, falls.end, under, known)
