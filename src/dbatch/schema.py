"""Columns and dtypes of what crosses the rooms' borders: events in, fills and summary out."""

from __future__ import annotations

from typing import Final

EVENT_COLUMNS: Final = ("timestamp", "type", "price", "volume")
"""Events, in source order: timestamp datetime64[ns] (exchange local time), type (one of `EVENT_TYPES`),
price float64 (currency), volume int64 (shares). A value that could not be read is null, the row stays."""

EVENT_TYPES: Final = ("bid", "ask", "trade")
"""The codes of compiled kernels are the positions in this tuple; a null or unknown type has code 3."""

EVENT_RULES_VERSION: Final = 2
"""Raised when the rules that turn a source's cells into events change: converted files are then made anew."""

BAR_COLUMNS: Final = ("timestamp", "open", "high", "low", "close", "volume")
"""Bars, oldest first, a row a label: timestamp datetime64[ns], prices float64 (currency, finite, above zero), volume
float64 (shares, 0.0 where the source has none)."""

BAR_RULES_VERSION: Final = 1
"""Raised when the rules that turn a source's cells or trades into bars change: results are then another request's."""

FILL_DTYPES: Final = {
    "timestamp": "datetime64[ns]",
    "side": "str",
    "fill_price": "float64",
    "fill_qty": "int64",
    "realized_pnl": "float64",
    "position": "int64",
    "pnl": "float64",
}
"""Fills, in order of execution: side buy|sell, fill_price in currency, fill_qty in shares (positive),
realized_pnl of this fill, position after it, pnl the running realised total. All are result columns."""

FILL_COLUMNS: Final = tuple(FILL_DTYPES)

SUMMARY_RESULT_COLUMNS: Final = (
    "security",
    "trades",
    "realized_pnl",
    "position",
    "market_dates",
    "strategy_dates",
    "error",
)
"""The classic columns of `backtest_summary.csv`; `trades` counts our fills, `realized_pnl` is the true total."""

SUMMARY_MEASURE_COLUMNS: Final = ("rows", "runtime_sec", "peak_rss_mb", "status", "rows_skipped", "digest")
"""What follows them: facts about the computation, never compared as results."""

METRIC_COLUMNS: Final = ("win_rate", "max_drawdown", "turnover", "fees")
"""What comes last in the summary: metrics of a job's fills, see `metrics.fills`. Result columns again."""

JOB_METRIC_COLUMNS: Final = (
    "total_pnl",
    "sharpe",
    "sortino",
    "annual_volatility_pct",
    "max_drawdown_pct",
    "max_drawdown_start",
    "max_drawdown_trough",
    "max_drawdown_end",
    "max_drawdown_days",
    "round_trips",
    "round_trip_win_rate",
    "round_trip_return_pct",
    "profit_factor",
    "expectancy",
    "winning_fills",
    "losing_fills",
    "winning_round_trips",
    "losing_round_trips",
    "gross_profit",
    "gross_loss",
)
"""The other metrics of a batch's jobs, see `metrics.names.JobMetrics`. Result columns too."""

RESULT_SCHEMA_VERSION: Final = 4
"""Part of every job's key: results of another version are never mixed with these."""

JOB_RESULT_COLUMNS: Final = (
    "run",
    "run_id",
    "strategy",
    "security",
    "status",
    "start_date",
    "end_date",
    "trades",
    "realized_pnl",
    "position",
    "market_dates",
    "strategy_dates",
    *METRIC_COLUMNS,
    *JOB_METRIC_COLUMNS,
    "digest",
)
"""The columns of a batch's `results.parquet` that must be equal however the batch was carried out."""

RUN_SUMMARY_COLUMNS: Final = (
    "run_id",
    "status",
    "strategy",
    "params_hash",
    "start_date",
    "end_date",
    "securities",
    "fills",
    "realized_pnl",
    "total_pnl",
    "sharpe",
    "sortino",
    "annual_volatility_pct",
    "max_dd",
    "max_dd_pct",
    "win_rate",
    "round_trips",
    "round_trip_win_rate",
    "profit_factor",
    "expectancy",
    "avg_trade_return",
    "turnover",
    "fees",
    "runtime_sec",
    "error",
)
"""The columns of `batch_summary`, a row per run; `docs/metrics.md` says how securities are put together."""
