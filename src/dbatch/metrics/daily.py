"""What daily P&L amounts to, whatever it was added up from: one job's fills, or all securities of a run."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from dbatch.errors import UsageError

DEFAULT_CAPITAL: Final = 1_000_000.0
"""What percentages are of when nothing else is said, in the security's currency."""

Capitals: TypeAlias = float | np.ndarray
"""A capital in currency, the same for all series, or float64, one for each."""

DAYS_PER_YEAR: Final = 252.0
"""Trading days that a year is taken to have."""


class DailyRatios(NamedTuple):
    """The ratios of a series of daily P&L; None for what does not exist."""

    sharpe: float | None
    sortino: float | None
    annual_volatility_pct: float | None


def daily_ratios(
    daily_pnl: np.ndarray, *, capital: float = DEFAULT_CAPITAL, days_per_year: float = DAYS_PER_YEAR
) -> DailyRatios:
    """Return the annualised ratios of `daily_pnl`, float64 currency, a value for each day that the market was open.

    A day's return is its P&L / `capital` (currency, constant: nothing is reinvested), so the ratios do not depend
    on the capital. The riskless rate and the least acceptable return are 0.
    Sharpe: mean / standard deviation (ddof 1) x sqrt(`days_per_year`). Source: Sharpe (1994), "The Sharpe Ratio",
    J. of Portfolio Management 21(1), 49-58. Sortino: mean / downside deviation x sqrt(`days_per_year`), where the
    downside deviation is the root of the mean over all days of min(P&L, 0) squared. Source: Sortino & Price (1994),
    "Performance Measurement in a Downside Risk Framework", J. of Investing 3(3), 59-64. Volatility: standard deviation
    (ddof 1) x sqrt(`days_per_year`) in per cent of the capital.
    All are None for fewer than two days or a value that is not finite. Sharpe is None for days that are all the same,
    Sortino for days without a loss, both up to 1e-12 of the capital, which may be left by rounding. Raises UsageError
    for a capital or a year that is not a number above 0.

    >>> ratios = daily_ratios(np.array([30.0, -10.0, -30.0, 50.0]), capital=1_000.0, days_per_year=256)
    >>> [round(ratio, 3) for ratio in ratios]
    [4.382, 10.119, 58.424]
    """
    _check(capital, days_per_year)
    series = np.ascontiguousarray(daily_pnl, dtype=np.float64)
    return DailyRatios(*map(number, _loops().day_ratios(series, float(capital), float(days_per_year))))


def daily_ratios_each(
    daily_pnl: np.ndarray, *, capital: Capitals = DEFAULT_CAPITAL, days_per_year: float = DAYS_PER_YEAR
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `daily_ratios` gives for each row of `daily_pnl`, bit for bit: three arrays, NaN for what does not
    exist. `capital` is that of all rows, or of each. Raises as that does.

    >>> sharpe, sortino, volatility = daily_ratios_each(np.array([[30.0, -10.0], [1.0, 1.0]]), capital=1_000.0)
    >>> volatility.round(3).tolist(), np.isnan(sharpe).tolist()
    ([44.9, 0.0], [False, True])
    """
    rows = np.require(daily_pnl, np.float64, ["C", "W"])
    capitals = _each(capital, len(rows))
    _check(float(capitals.min()) if len(rows) else DEFAULT_CAPITAL, days_per_year)
    found = np.empty((len(rows), 3))
    _loops().day_ratios_each(rows, capitals, float(days_per_year), found)
    found[~np.isfinite(found)] = np.nan
    sharpe, sortino, volatility = found.T
    return sharpe, sortino, volatility


def daily_falls_each(daily_pnl: np.ndarray, *, capital: Capitals = DEFAULT_CAPITAL) -> tuple[np.ndarray, np.ndarray]:
    """Return what `portfolio.daily_drawdowns` gives for rows of finite `daily_pnl`, bit for bit; NaN for any other.
    `capital` is that of all rows, or of each.

    >>> depth, pct = daily_falls_each(np.array([[100.0, -300.0, 50.0]]), capital=900.0)
    >>> depth.tolist(), pct.tolist()
    ([300.0], [30.0])
    """
    rows = np.require(daily_pnl, np.float64, ["C", "W"])
    found = np.empty((len(rows), 2))
    _loops().day_falls_each(rows, _each(capital, len(rows)), found)
    return found[:, 0], found[:, 1] * 100.0


def equity(daily_pnl: np.ndarray, *, capital: float = DEFAULT_CAPITAL) -> np.ndarray:
    """Return `capital` plus all P&L up to and with each day: float64 currency, as long as `daily_pnl`.

    >>> equity(np.array([100.0, -50.0]), capital=1_000.0).tolist()
    [1100.0, 1050.0]
    """
    values: np.ndarray = capital + np.cumsum(daily_pnl, dtype=np.float64)
    return values


@cache
def _loops() -> Any:
    from dbatch.metrics import ratios

    return ratios


def _each(capital: Capitals, rows: int) -> np.ndarray:
    return np.require(np.broadcast_to(capital, rows), np.float64, ["C", "W"])


def _check(capital: float, days_per_year: float) -> None:
    for name, value in (("capital", capital), ("days_per_year", days_per_year)):
        if not (math.isfinite(value) and value > 0.0):
            raise UsageError(f"{name} is {value!r}, must be a finite number above 0")


def number(value: float) -> float | None:
    """Return `value`, or None for one that is not finite: what does not exist has no number."""
    return value if math.isfinite(value) else None
