"""What the fills of one job amount to."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class FillMetrics(NamedTuple):
    """The metrics of one job, named and ordered as `schema.METRIC_COLUMNS`."""

    win_rate: float | None
    max_drawdown: float
    turnover: float
    fees: float | None = None


def fill_metrics(
    prices: np.ndarray,
    quantities: np.ndarray,
    realized: np.ndarray,
    pnl: np.ndarray,
    *,
    positions: np.ndarray | None = None,
    fees: np.ndarray | None = None,
) -> FillMetrics:
    """Return the metrics of fills in order of execution: arrays of one length.

    `prices` float64 in currency, `quantities` int64 shares of any sign, `realized` float64 each fill's own P&L,
    `pnl` float64 the running realised total, both after `fees`, float64 currency, where these are configured;
    `positions` int64 shares after each fill are then needed too.
    """
    if fees is None or positions is None:
        return FillMetrics(win_rate(realized), max_drawdown(pnl), turnover(prices, quantities))
    decided = realized[~only_pays(quantities, positions, realized, fees)]
    return FillMetrics(win_rate(decided), max_drawdown(pnl), turnover(prices, quantities), paid(fees))


def only_pays(quantities: np.ndarray, positions: np.ndarray, realized: np.ndarray, fees: np.ndarray) -> np.ndarray:
    """Return which fills open or add to a position and realise nothing but their fee: such a fill decides nothing.

    >>> only_pays(np.array([100, -100]), np.array([100, 0]), np.array([-1.0, -1.0]), np.array([1.0, 1.0])).tolist()
    [True, False]
    """
    before = positions - quantities
    opens = (before == 0) | ((before > 0) == (quantities > 0))
    pays: np.ndarray = opens & (realized == -fees)
    return pays


def paid(fees: np.ndarray) -> float:
    """Return the sum of `fees`, added up in their order as the running total of net P&L is."""
    return float(np.cumsum(fees)[-1]) if len(fees) else 0.0


def win_rate(realized: np.ndarray) -> float | None:
    """Return the share, 0 to 1, of winning fills among those that realised a profit or a loss.

    Fills that only open, or close at their entry price, realise 0.0 and do not count; None where none does.

    >>> win_rate(np.array([0.0, 5.0, -1.0, 2.0]))
    0.6666666666666666
    """
    decided = int(np.count_nonzero(realized))
    return int(np.count_nonzero(realized > 0.0)) / decided if decided else None


def max_drawdown(pnl: np.ndarray) -> float:
    """Return the deepest fall of the running realised P&L from its peak so far, in currency, 0.0 or more.

    The P&L starts at 0.0, so a first loss is a drawdown. Positions are not marked to market.

    >>> max_drawdown(np.array([10.0, 4.0, 12.0, 9.0]))
    6.0
    """
    if not len(pnl):
        return 0.0
    peaks = np.maximum(np.maximum.accumulate(pnl), 0.0)
    return float(np.max(peaks - pnl))


def turnover(prices: np.ndarray, quantities: np.ndarray) -> float:
    """Return the sum of price x shares over all fills, in currency, rounded once: no order of adding shows in it.

    >>> turnover(np.array([10.0, 10.5]), np.array([100, -100]))
    2050.0
    """
    return math.fsum((prices * np.abs(quantities)).tolist())
