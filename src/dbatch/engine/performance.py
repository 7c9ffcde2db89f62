"""A job's daily P&L and metrics, from what its strategy did."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import numpy as np

from dbatch.engine.job import JobResult
from dbatch.engine.marked import Marked
from dbatch.errors import HandlerError
from dbatch.metrics.daily import DEFAULT_CAPITAL, daily_ratios
from dbatch.metrics.job import job_performance
from dbatch.schema import JOB_METRIC_COLUMNS

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


def performance_of(result: JobResult) -> tuple[np.ndarray | None, np.ndarray | None, dict[str, Any], list[str]]:
    """Return days (int64 since 1970), daily P&L (float64 currency), the metrics of `JOB_METRIC_COLUMNS`, complaints.

    Where the job's equity is marked to market, daily P&L, ratios and falls are those of the equity, and percentages
    are of its capital. Fills that contradict themselves have no metrics, and a complaint that says why.
    """
    fills, marked = result.fills, result.marked
    try:
        found = job_performance(
            fills.timestamps,
            fills.prices,
            fills.quantities,
            fills.realized,
            fills.positions,
            fills.pnl,
            result.market_days,
            last_price=result.last_price,
            capital=DEFAULT_CAPITAL if marked is None else marked.capital,
        )
    except HandlerError as error:
        return None, None, {}, [f"no metrics: {error}"]
    metrics = found.metrics._asdict()
    days, daily_pnl = found.days, found.daily_pnl
    if marked is not None:
        days, daily_pnl = marked.days, marked.daily_pnl
        metrics |= marked_metrics(marked)
    return days, daily_pnl, {name: metrics[name] for name in JOB_METRIC_COLUMNS}, []


def marked_metrics(marked: Marked) -> dict[str, Any]:
    """Return the metrics, of those that `metrics.names` lists, that an equity marked to market has.

    `max_drawdown` is the deepest fall in currency, bar by bar, with its dates; `max_drawdown_pct` the deepest as a
    share of the peak, which may be another one; `total_pnl` what was earned on the capital.
    """
    ratios = daily_ratios(marked.daily_pnl, capital=marked.capital)
    start, trough, end = map(marked.day_of, (marked.start, marked.trough, marked.end))
    last = int(marked.days[-1]) if end is None else end
    return {
        **ratios._asdict(),
        "max_drawdown": marked.depth,
        "max_drawdown_pct": marked.share * 100.0,
        "max_drawdown_start": _date(start),
        "max_drawdown_trough": _date(trough),
        "max_drawdown_end": _date(end),
        "max_drawdown_days": 0 if start is None else last - start,
    }


def _date(day: int | None) -> str | None:
    return None if day is None else dt.date.fromordinal(_EPOCH + day).isoformat()
