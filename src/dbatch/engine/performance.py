"""A job's daily P&L and metrics, from what its strategy did."""

from __future__ import annotations

from typing import Any

import numpy as np

from dbatch.engine.job import JobResult
from dbatch.errors import HandlerError
from dbatch.metrics.job import job_performance
from dbatch.schema import JOB_METRIC_COLUMNS


def performance_of(result: JobResult) -> tuple[np.ndarray | None, np.ndarray | None, dict[str, Any], list[str]]:
    """Return days (int64 since 1970), daily P&L (float64 currency), the metrics of `JOB_METRIC_COLUMNS`, complaints.

    Fills that contradict themselves have no metrics, and a complaint that says why.
    """
    fills = result.fills
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
        )
    except HandlerError as error:
        return None, None, {}, [f"no metrics: {error}"]
    metrics = found.metrics._asdict()
    return found.days, found.daily_pnl, {name: metrics[name] for name in JOB_METRIC_COLUMNS}, []
