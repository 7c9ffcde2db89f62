"""The equity of a strategy over bars, marked to market at each close: its peak and its deepest fall."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit


class Falls(NamedTuple):
    """The peak of the equity so far, in currency, and its deepest falls.

    `depth` is the largest in currency, `share` the largest as a share of its peak. Of the one in currency: the bars
    where it `start`ed (the first below the peak), was deepest (`trough`) and was made good (`end`), -1 for none yet;
    `under` is the first bar below the present peak, -1 at the peak.
    """

    peak: float
    depth: float
    share: float
    start: int
    trough: int
    end: int
    under: int


@njit(inline="always")
def no_falls(capital: float) -> Falls:
    """Return what is known before the first bar."""
    return Falls(capital, 0.0, 0.0, -1, -1, -1, -1)


@njit(inline="always")
def with_equity(falls: Falls, equity: float, bar: int) -> Falls:
    """Return `falls` after a bar that ended with `equity`."""
    if equity >= falls.peak:
        end = bar if falls.under >= 0 and falls.under == falls.start and falls.end < 0 else falls.end
        return Falls(equity, falls.depth, falls.share, falls.start, falls.trough, end, -1)
    under = bar if falls.under < 0 else falls.under
    share = max(falls.share, 1.0 - equity / falls.peak)
    depth = falls.peak - equity
    if depth > falls.depth:
        return Falls(falls.peak, depth, share, under, bar, -1, under)
    return Falls(falls.peak, falls.depth, share, falls.start, falls.trough, falls.end, under)
