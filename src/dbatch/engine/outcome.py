"""What became of a job: results and measurements as a receipt, or the cause of its failure."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import psutil

from dbatch.data.faults import Faults
from dbatch.engine.fees import after_fees
from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult
from dbatch.engine.missing import missing_columns
from dbatch.engine.performance import NO_PERFORMANCE, performance_of
from dbatch.errors import DataError, DbatchError, MissingDataError
from dbatch.model import Job, Receipt, RunContext, Status
from dbatch.plugins.loading import where_it_broke

_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its receipt and, where it succeeded, its fills (where kept) and daily P&L (of a sweep).

    `days` int64 days since 1970 and `daily_pnl` float64 currency have one length.
    """

    receipt: Receipt
    fills: Fills | None = None
    days: np.ndarray | None = None
    daily_pnl: np.ndarray | None = None


def success(context: RunContext, job: Job, result: JobResult, notes: Sequence[str], seconds: float) -> Outcome:
    """Return the receipt of a job that gave `result`, before fees, in `seconds`, with what is kept of it."""
    result = after_fees(result, job.fees)
    fills = result.fills
    found = performance_of(result) if context.sweep else NO_PERFORMANCE
    receipt = Receipt(
        key=job.key,
        security=job.security.name,
        status="success",
        digest=fills.digest(),
        trades=len(fills),
        realized_pnl=result.realized_pnl,
        position=result.position,
        market_dates=result.market_dates,
        strategy_dates=fills.days(),
        **found.of_fills or fills.metrics()._asdict(),
        metrics=found.metrics,
        capital=None if result.marked is None else result.marked.capital,
        first_day=int(result.market_days[0]) if result.market_dates else None,
        last_day=int(result.market_days[-1]) if result.market_dates else None,
        rows=result.rows,
        rows_skipped=result.rows_skipped,
        notes=(*notes, *result.notes, *found.complaints),
        runtime_sec=seconds,
        peak_rss_mb=recent_peak_rss_mb() if context.sweep and not context.isolated else peak_rss_mb(),
    )
    return Outcome(receipt, fills if context.keep_fills else None, found.days, found.daily_pnl)


def with_events(result: JobResult, context: RunContext, job: Job, faults: Faults) -> JobResult:
    """Return `result`; raise DataError when no event or bar came, or none that a strategy can use."""
    if result.rows == 0:
        what = "bars" if job.security.source.bars else "events"
        raise DataError(f"{job.security.source}: no {what}{_in_window(context)}")
    if result.rows_skipped == result.rows:
        raise DataError("; ".join([f"{job.security.source}: no row has a time and a price above 0", *faults.lines()]))
    return result


def _in_window(context: RunContext) -> str:
    window = context.window
    asked = window.only_trades or window.start_day is not None or window.end_day is not None
    return " among the dates and types asked for" if asked else ", the source is empty"


def failure(context: RunContext, job: Job, error: BaseException, seconds: float) -> Receipt:
    """Return the receipt of a job that ended by `error`, with its cause in one line and the whole traceback."""
    status: Status = "failed"
    text = where_it_broke(error, context.strategy)
    if isinstance(error, SystemExit):
        status, text = "crashed", f"the handler called sys.exit({error.code!r}): exit code {_exit_code(error)}"
    elif isinstance(error, KeyboardInterrupt):
        status, text = "crashed", "the handler raised KeyboardInterrupt"
    elif isinstance(error, MemoryError):
        status = "oom"
    elif isinstance(error, DataError):
        status, text = "invalid_data", str(error)
    elif isinstance(error, MissingDataError):
        status, text = "skipped", str(error)
    elif (columns := missing_columns(error)) is not None:
        status, text = "skipped", columns
    elif isinstance(error, DbatchError):
        text = str(error)
    details = "".join(traceback.format_exception(error))
    return Receipt(
        key=job.key,
        security=job.security.name,
        status=status,
        error=" ".join(text.split()),
        details=details,
        runtime_sec=seconds,
        peak_rss_mb=peak_rss_mb(),
    )


def _exit_code(error: SystemExit) -> int:
    """Return the exit code with which a process would end by `error`."""
    return error.code if isinstance(error.code, int) else int(error.code is not None)


_LOOK_EVERY_SEC = 0.02
_SEEN = (float("-inf"), 0.0)


def recent_peak_rss_mb() -> float:
    """Return `peak_rss_mb` of some hundredths of a second ago: asking takes as long as a small job."""
    global _SEEN  # a pair that is replaced whole, whichever thread does it
    now = time.monotonic()
    if now - _SEEN[0] > _LOOK_EVERY_SEC:
        _SEEN = now, peak_rss_mb()
    return _SEEN[1]


def peak_rss_mb() -> float:
    """Return this process's largest resident memory so far, in MiB (the current one where the system keeps none)."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / _MEBIBYTE)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MEBIBYTE if sys.platform == "darwin" else peak / 1024
