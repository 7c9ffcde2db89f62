"""The performance of one job: its metrics and the P&L of its days, from its fills."""

from __future__ import annotations

import datetime as dt
import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from dbatch.errors import HandlerError, UsageError
from dbatch.metrics.daily import DAYS_PER_YEAR, DEFAULT_CAPITAL, DailyRatios, daily_ratios, number
from dbatch.metrics.names import JobMetrics

if TYPE_CHECKING:
    from dbatch.metrics.passes import Measured

_DAY: Final = 86_400_000_000_000
_NOT_A_TIME: Final = np.iinfo(np.int64).min
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_DTYPES: Final = ("int64", "float64", "int64", "float64", "int64", "float64", "float64", "int64")
_Columns = tuple[np.ndarray, ...]
_COLUMNS: Final = ("timestamps", "prices", "quantities", "realized", "positions", "pnl", "fees")
_NO_FEES: Final = np.empty(0)


class JobPerformance(NamedTuple):
    """A job's metrics, and the days that they were computed from.

    `days` int64 days since 1970, rising: the market days and any other day with a fill; `daily_pnl` float64, one
    value a day: the P&L realised on that date in currency, 0.0 on days without fills.
    """

    metrics: JobMetrics
    days: np.ndarray
    daily_pnl: np.ndarray


def job_performance(
    timestamps: np.ndarray,
    prices: np.ndarray,
    quantities: np.ndarray,
    realized: np.ndarray,
    positions: np.ndarray,
    pnl: np.ndarray,
    days: np.ndarray,
    *,
    fees: np.ndarray | None = None,
    last_price: float | None = None,
    capital: float = DEFAULT_CAPITAL,
    days_per_year: float = DAYS_PER_YEAR,
) -> JobPerformance:
    """Return the performance of fills in order of execution, over the days that the market was open.

    The six columns are those of `engine.fills.Fills`: int64 nanoseconds of the exchange's clock, float64 currency,
    int64 signed shares, float64 each fill's own P&L, int64 shares held after it, float64 the running realised total.
    `fees` float64 in currency, one a fill, are those that `realized` and `pnl` are after; None where none are
    configured. `days` int64 days since 1970 with prints, rising. `last_price` in currency marks a position that is
    still open; without it such a job has no total P&L. `capital` in currency is what percentages are of, constant:
    nothing is reinvested. What each metric means and where it comes from: `docs/metrics.md`.
    Raises HandlerError for fills that contradict themselves, UsageError for other arguments that cannot be.

    >>> noon = np.array([20_193, 20_194]) * 86_400_000_000_000 + 43_200_000_000_000
    >>> bought_and_sold = (noon, np.array([10.0, 10.5]), np.array([100, -100]), np.array([0.0, 50.0]),
    ...                    np.array([100, 0]), np.array([0.0, 50.0]))
    >>> job = job_performance(*bought_and_sold, days=np.array([20_193, 20_194, 20_195]))
    >>> job.daily_pnl.tolist(), job.metrics.round_trips, job.metrics.round_trip_return_pct
    ([0.0, 50.0, 0.0], 1, 5.0)
    """
    if last_price is not None and not math.isfinite(last_price):
        raise UsageError(f"last_price is {last_price!r}, must be a finite number, or None when it is not known")
    loops = _loops()
    columns: _Columns = (timestamps, prices, quantities, realized, positions, pnl, _NO_FEES if fees is None else fees)
    settings = (float(capital), math.nan if last_price is None else float(last_price))
    try:
        measured = loops.measure(*columns, days, daily := np.empty(len(days)), *settings)
    except TypeError:  # no code for such arrays: views with gaps in them become ones without, the rest is refused
        columns, days = _plain_arrays(columns, days)
        measured = loops.measure(*columns, days, daily, *settings)
    if measured.fault == loops.DAY_MISSING:
        days = _with_days_of_fills(days, columns[0])
        measured = loops.measure(*columns, days, daily := np.empty(len(days)), *settings)
    if measured.fault != loops.SOUND:
        raise _refusal(measured, columns, days)
    ratios = daily_ratios(daily, capital=capital, days_per_year=days_per_year)
    metrics = _metrics(len(columns[0]), measured, ratios, has_fees=fees is not None)
    return JobPerformance(metrics, days, daily)


@cache
def _loops() -> Any:
    """Return the module of the compiled loops, which takes half a second to import, and a call to look up again."""
    from dbatch.metrics import passes

    return passes


def _metrics(fills: int, measured: Measured, ratios: DailyRatios, *, has_fees: bool) -> JobMetrics:
    """Return the numbers of the compiled loops as metrics: dates as text, None for what does not exist."""
    return JobMetrics(
        fills,
        measured.round_trips,
        number(measured.realized_pnl),
        number(measured.total_pnl),
        *ratios,
        number(measured.max_drawdown),
        number(measured.max_drawdown_pct),
        _date(measured.start_day),
        _date(measured.trough_day),
        _date(measured.end_day),
        measured.drawdown_days,
        number(measured.win_rate),
        number(measured.round_trip_win_rate),
        number(measured.round_trip_return_pct),
        number(measured.profit_factor),
        number(measured.expectancy),
        number(measured.turnover),
        measured.winning_fills,
        measured.losing_fills,
        measured.winning_round_trips,
        measured.losing_round_trips,
        number(measured.gross_profit),
        number(measured.gross_loss),
        measured.fees if has_fees else None,
    )


def _date(day: int) -> str | None:
    return None if day == _loops().NO_DAY else dt.date.fromordinal(_EPOCH + day).isoformat()


def _plain_arrays(columns: _Columns, days: np.ndarray) -> tuple[_Columns, np.ndarray]:
    """Return contiguous arrays of the same values; raise UsageError for one of another dtype or shape."""
    arrays = []
    for name, dtype, column in zip((*_COLUMNS, "days"), _DTYPES, (*columns, days), strict=True):
        found = np.asarray(column)
        if found.dtype != dtype or found.ndim != 1:
            raise UsageError(f"{name} is {found.dtype} of {found.ndim} dimensions, must be {dtype} of one")
        arrays.append(np.ascontiguousarray(found))
    return tuple(arrays[:-1]), arrays[-1]


def _with_days_of_fills(days: np.ndarray, timestamps: np.ndarray) -> np.ndarray:
    """Return `days` and those with a fill: a quote can be met on a day without a print, and its P&L counts too."""
    without = np.flatnonzero(timestamps == _NOT_A_TIME)
    if len(without):
        raise HandlerError(f"fill {without[0]} has no time, must be that of an event")
    united: np.ndarray = np.union1d(days, timestamps // _DAY)
    return united


def _refusal(measured: Measured, columns: _Columns, days: np.ndarray) -> Exception:
    """Return the error that says what is wrong with the arguments of `job_performance`."""
    loops = _loops()
    fault, where = measured.fault, measured.where
    if fault == loops.UNEQUAL_LENGTHS:
        given = [(name, column) for name, column in zip(_COLUMNS, columns, strict=True) if column is not _NO_FEES]
        lengths = ", ".join(f"{name} {len(column)}" for name, column in given)
        return UsageError(f"columns have lengths {lengths}; must be one length")
    if fault == loops.FALLING_DAYS:
        return UsageError(f"days[{where}] is {days[where]} after {days[where - 1]}, must rise")
    if fault == loops.POSITION_WRONG:
        quantity, position = int(columns[2][where]), int(columns[4][where])
        before = int(columns[4][where - 1]) if where else 0
        return HandlerError(
            f"fill {where}: {quantity:+} after {before} is {before + quantity}, position says {position}"
        )
    for name, column in zip(_COLUMNS, columns, strict=True):
        for row in np.flatnonzero(~np.isfinite(column)):
            return HandlerError(f"fill {row}: {name} is {column[row]}, must be a finite number")
    raise AssertionError(f"fault {fault} of fill {where} has no words")
