"""The names, order and units of a job's metrics, for whoever lists, stores or prints them; imports nothing heavy."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, NamedTuple


class JobMetrics(NamedTuple):
    """What one job's fills amount to; None stands for a number that does not exist, and nothing is ever NaN.

    `docs/metrics.md` says what each one means; `win_rate`, `max_drawdown`, `turnover` and `fees` are those of
    `FillMetrics`.
    """

    fills: int
    round_trips: int
    realized_pnl: float | None
    total_pnl: float | None
    sharpe: float | None
    sortino: float | None
    annual_volatility_pct: float | None
    max_drawdown: float | None
    max_drawdown_pct: float | None
    max_drawdown_start: str | None
    max_drawdown_trough: str | None
    max_drawdown_end: str | None
    max_drawdown_days: int
    win_rate: float | None
    round_trip_win_rate: float | None
    round_trip_return_pct: float | None
    profit_factor: float | None
    expectancy: float | None
    turnover: float | None
    winning_fills: int
    losing_fills: int
    winning_round_trips: int
    losing_round_trips: int
    gross_profit: float | None
    gross_loss: float | None
    fees: float | None = None


METRIC_NAMES: Final = JobMetrics._fields

METRIC_UNITS: Final = MappingProxyType(
    {
        "fills": "count",
        "round_trips": "count",
        "realized_pnl": "currency",
        "total_pnl": "currency",
        "sharpe": "ratio, annualised",
        "sortino": "ratio, annualised",
        "annual_volatility_pct": "% of capital a year",
        "max_drawdown": "currency",
        "max_drawdown_pct": "% of peak equity",
        "max_drawdown_start": "date",
        "max_drawdown_trough": "date",
        "max_drawdown_end": "date",
        "max_drawdown_days": "calendar days",
        "win_rate": "share of fills, 0 to 1",
        "round_trip_win_rate": "share of round trips, 0 to 1",
        "round_trip_return_pct": "% of the value opened",
        "profit_factor": "ratio",
        "expectancy": "currency a round trip",
        "turnover": "currency",
        "winning_fills": "count",
        "losing_fills": "count",
        "winning_round_trips": "count",
        "losing_round_trips": "count",
        "gross_profit": "currency",
        "gross_loss": "currency",
        "fees": "currency",
    }
)
"""Of each of `METRIC_NAMES`, in its order. Currency is the security's; dates are ISO text of the exchange's clock."""
