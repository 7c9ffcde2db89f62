"""The equity of a job over bars, marked to market at each close."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Marked(NamedTuple):
    """What a job's equity did: currency, costs taken off, open positions at the closes of bars.

    `days` int64 since 1970, rising, are those with bars; `daily_pnl` float64 the change of the equity over each.
    `times` int64 nanoseconds are the labels of the bars. The deepest fall in currency is `depth`; its first bar below
    the peak, its deepest and the first that was back at the peak are `start`, `trough` and `end`, rows of `times`, -1
    for none. `share` is the deepest fall as a share of the peak, another one perhaps. `final` is the equity at the end,
    `capital` that before the first bar.
    `figures` are the values of `engine.bars.figures.FIGURES`, None where fills contradict themselves.
    """

    days: np.ndarray
    daily_pnl: np.ndarray
    times: np.ndarray
    start: int
    trough: int
    end: int
    depth: float
    share: float
    final: float
    capital: float
    figures: tuple[Any, ...] | None
