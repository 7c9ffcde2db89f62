"""Where the P&L of fills comes from, and what it costs to earn: pure functions of arrays, computed on demand.

Fills come in order of execution, as the columns of `engine.fills.Fills`. None of this is part of a sweep: there, a job
has the metrics of `metrics.job`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dbatch.errors import UsageError
from dbatch.metrics.daily import DEFAULT_CAPITAL
from dbatch.model import FeeRules

_HOUR: Final = 3_600_000_000_000
_DAY: Final = 24 * _HOUR
_THURSDAY: Final = 3
"""1970-01-01 was one; Monday is 0."""


@dataclass(frozen=True)
class TimeInMarket:
    """`share`: of the open time, 0 to 1, in which a position is held. `exposure_pct`: the mean over the open time of
    the position's value, long or short, in per cent of the capital, at the price of the last fill."""

    share: float
    exposure_pct: float


def fees(prices: np.ndarray, quantities: np.ndarray, rules: FeeRules) -> np.ndarray:
    """Return the fee of each fill in currency, float64; of shares, signed or not, at prices.

    >>> fees(np.array([10.0, 20.0]), np.array([100, -1]), FeeRules(5.0, commission_min=0.2)).tolist()
    [0.5, 0.2]
    """
    shares = np.abs(quantities)
    proportional = prices * shares * (rules.commission_bps / 1e4) + shares * rules.commission_per_share
    return np.where(shares > 0, np.maximum(proportional, rules.commission_min), 0.0)


def break_even_bps(pnl: float, turnover: float) -> float | None:
    """Return the commission in basis points of the value traded that would eat up `pnl`, both in currency.

    Below 0 for a loss, None without turnover.

    >>> break_even_bps(5.0, 10_000.0)
    5.0
    """
    return pnl / turnover * 1e4 if turnover > 0.0 else None


def pnl_by_hour(timestamps: np.ndarray, realized: np.ndarray) -> np.ndarray:
    """Return what was realised in each hour of the day, by the exchange's clock: 24 float64 in currency.

    `timestamps` int64 nanoseconds of fills since 1970, `realized` float64 each fill's own P&L.

    >>> pnl_by_hour(np.array([36_000, 39_599, 39_600]) * 10**9, np.array([1.0, 2.0, 4.0]))[10:12].tolist()
    [3.0, 4.0]
    """
    return np.bincount(timestamps % _DAY // _HOUR, weights=realized, minlength=24)


def pnl_by_weekday(days: np.ndarray, daily_pnl: np.ndarray) -> np.ndarray:
    """Return what was realised on each day of the week: 7 float64 in currency, Monday first.

    >>> pnl_by_weekday(np.array([20_192, 20_193, 20_199]), np.array([1.0, 2.0, 4.0])).tolist()
    [5.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    return np.bincount((days + _THURSDAY) % 7, weights=daily_pnl, minlength=7)


def sessions(days: np.ndarray, *, opens: int, closes: int) -> np.ndarray:
    """Return when the market was open: int64 nanoseconds since 1970, a row (from, until) per day.

    `days` since 1970, rising; `opens` and `closes` nanoseconds since midnight. Raises UsageError unless it opens first.
    """
    if not 0 <= opens < closes <= _DAY:
        raise UsageError(f"opens is {opens} and closes {closes}, must be times of a day in nanoseconds, opens first")
    return np.asarray(days, np.int64)[:, None] * _DAY + np.array([opens, closes], np.int64)


def time_in_market(
    timestamps: np.ndarray,
    prices: np.ndarray,
    positions: np.ndarray,
    sessions: np.ndarray,
    *,
    capital: float = DEFAULT_CAPITAL,
) -> TimeInMarket:
    """Return for how much of the open time fills hold a position, and how large it is.

    `positions` int64 shares held after each fill; `sessions` int64, rows (from, until), rising and apart. A position is
    held until the next fill, the last one to the end; what is held over night counts while the market is open. Raises
    UsageError without open time, and for fills that go back in time.

    >>> open_hours = np.array([[0, 4], [24, 28]]) * 3_600 * 10**9
    >>> times = np.array([1, 25]) * 3_600 * 10**9
    >>> time_in_market(times, np.array([10.0, 11.0]), np.array([100, 0]), open_hours, capital=1_000.0)
    TimeInMarket(share=0.5, exposure_pct=50.0)
    """
    bounds = np.asarray(sessions, np.int64).ravel()
    if not len(bounds) or (np.diff(bounds) < 0).any():
        raise UsageError("sessions must be rows of from and until, rising and apart; at least one")
    if (np.diff(timestamps) < 0).any():
        raise UsageError("fills go back in time; the time that a position is held is not known")
    lengths = np.diff(bounds).astype(np.float64)
    lengths[1::2] = 0.0
    gone = np.concatenate([[0.0], np.cumsum(lengths)])
    if gone[-1] <= 0.0:
        raise UsageError("sessions have no length, must be open for some time")
    start = bounds[0]
    until = np.append(timestamps, max(bounds[-1], timestamps[-1] if len(timestamps) else start))
    passed = np.interp((until - start).astype(np.float64), (bounds - start).astype(np.float64), gone)
    held = np.diff(passed)
    share = float(held[positions != 0].sum() / gone[-1])
    value = np.abs(positions) * prices
    return TimeInMarket(share, float((held * value).sum() / gone[-1] / capital * 100.0))
