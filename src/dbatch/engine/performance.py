"""A job's daily P&L and metrics, from what its strategy did."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.engine.job import JobResult
from dbatch.errors import HandlerError
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS

_job_metrics: Final = attrgetter(*JOB_METRIC_COLUMNS)
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
    if result.marked is not None and result.marked.figures is not None:
        marked, figures = result.marked, result.marked.figures
        metrics = dict(zip(JOB_METRIC_COLUMNS, figures, strict=False))
        of_fills = dict(zip(METRIC_COLUMNS, figures[len(JOB_METRIC_COLUMNS) :], strict=True))
        return Performance(marked.days, marked.daily_pnl, metrics, of_fills)
    from dbatch.metrics.job import job_performance

    columns = (*result.fills.columns, result.market_days)
    try:
        found = job_performance(*columns, fees=result.fills.fees, last_price=result.last_price)
    except HandlerError as error:
        return NO_PERFORMANCE._replace(complaints=(f"no metrics: {error}",))
    metrics = dict(zip(JOB_METRIC_COLUMNS, _job_metrics(found.metrics), strict=True))
    of_fills = dict(zip(METRIC_COLUMNS, _fill_metrics(found.metrics), strict=True))
    return Performance(found.days, found.daily_pnl, metrics, of_fills)
