"""A job's daily P&L and metrics, from what its strategy did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.engine.job import JobResult
from dbatch.engine.marked import Marked
from dbatch.errors import HandlerError
from dbatch.metrics.daily import DEFAULT_CAPITAL, daily_ratios
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS

_job_metrics: Final = attrgetter(*JOB_METRIC_COLUMNS)
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_fill_metrics: Final = attrgetter(*METRIC_COLUMNS)


class Performance(NamedTuple):
    """What a job amounts to.

    `days` int64 since 1970 and `daily_pnl` float64 currency have one length; `metrics` are those of
    `schema.JOB_METRIC_COLUMNS`, `of_fills` those of `schema.METRIC_COLUMNS`. Fills that contradict themselves have none
    of these, and complaints that say why. Where the job's equity is marked to market, daily P&L, ratios and falls are
    those of the equity, and percentages are of its capital.
    """

    days: np.ndarray | None
    daily_pnl: np.ndarray | None
    metrics: Mapping[str, Any]
    of_fills: Mapping[str, Any]
    complaints: tuple[str, ...] = ()


NO_PERFORMANCE: Final = Performance(None, None, {}, {})


def performance_of(result: JobResult) -> Performance:
    """Return the performance of a job that gave `result`."""
    from dbatch.metrics.job import job_performance

    marked = result.marked
    capital = DEFAULT_CAPITAL if marked is None else marked.capital
    columns = (*result.fills.columns, result.market_days)
    try:
        found = job_performance(*columns, last_price=result.last_price, capital=capital)
    except HandlerError as error:
        return NO_PERFORMANCE._replace(complaints=(f"no metrics: {error}",))
    metrics = dict(zip(JOB_METRIC_COLUMNS, _job_metrics(found.metrics), strict=True))
    of_fills = dict(zip(METRIC_COLUMNS, _fill_metrics(found.metrics), strict=True))
    if marked is None:
        return Performance(found.days, found.daily_pnl, metrics, of_fills)
    metrics |= _marked_metrics(marked)
    of_fills |= {"max_drawdown": marked.depth}
    return Performance(marked.days, marked.daily_pnl, metrics, of_fills)


def _marked_metrics(marked: Marked) -> dict[str, Any]:
    """Return those of `schema.JOB_METRIC_COLUMNS` that an equity marked to market has by itself.

    The fall in currency has the dates; the one as a share of its peak may be another one.
    """
    ratios = daily_ratios(marked.daily_pnl, capital=marked.capital)
    start, trough, end = map(marked.day_of, (marked.start, marked.trough, marked.end))
    last = int(marked.days[-1]) if end is None else end
    return {
        **ratios._asdict(),
        "max_drawdown_pct": marked.share * 100.0,
        "max_drawdown_start": _date(start),
        "max_drawdown_trough": _date(trough),
        "max_drawdown_end": _date(end),
        "max_drawdown_days": 0 if start is None else last - start,
    }


def _date(day: int | None) -> str | None:
    return None if day is None else dt.date.fromordinal(_EPOCH + day).isoformat()
