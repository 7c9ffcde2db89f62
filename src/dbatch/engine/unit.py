"""What one Dask task does: run a job, publish its fills, send back a receipt. Failures are receipts too."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable

import numpy as np
import psutil
import pyarrow as pa

from dbatch.data.blocks import within
from dbatch.data.faults import Faults
from dbatch.data.read import read_events
from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult, run_job
from dbatch.errors import DataError, DbatchError, StorageError
from dbatch.model import Job, Receipt, RunContext, Status
from dbatch.plugins.loading import make_handler, where_it_broke
from dbatch.results.publish import publish_part
from dbatch.schema import FILL_COLUMNS

_MEBIBYTE = 1 << 20


def run_unit(context: RunContext, job: Job, *, stop: Callable[[], bool] = lambda: False) -> Receipt:
    """Return the receipt of `job`, its fills published under the run's output folder.

    Whatever the data or the handler do wrong becomes a receipt that names it. Raises StorageError when results
    cannot be kept, InterruptedError when `stop` said so.
    """
    started = time.perf_counter()
    try:
        faults = Faults()
        result = _run(context, job, stop, faults)
        part, sha256 = publish_part(context.output_dir, job.key, fill_table(result.fills), job.security.name)
    except (StorageError, InterruptedError):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - filed under its security, with its traceback
        return failure(context, job, error, time.perf_counter() - started)
    return Receipt(
        key=job.key,
        security=job.security.name,
        status="success",
        part=part,
        sha256=sha256,
        digest=result.fills.digest(),
        trades=len(result.fills),
        realized_pnl=result.realized_pnl,
        position=result.position,
        market_dates=result.market_dates,
        strategy_dates=result.fills.days(),
        **result.fills.metrics()._asdict(),
        rows=result.rows,
        rows_skipped=result.rows_skipped,
        notes=tuple(faults.lines()),
        runtime_sec=time.perf_counter() - started,
        peak_rss_mb=peak_rss_mb(),
    )


def run_worker_unit(context: RunContext, job: Job, *, stop: Callable[[], bool] = lambda: False) -> Receipt:
    """Return what `run_unit` does, in a process that does not hear Ctrl-C: there KeyboardInterrupt is the handler's."""
    try:
        return run_unit(context, job, stop=stop)
    except KeyboardInterrupt:
        error = "the handler raised KeyboardInterrupt"
        return Receipt(key=job.key, security=job.security.name, status="crashed", error=error)


def _run(context: RunContext, job: Job, stop: Callable[[], bool], faults: Faults) -> JobResult:
    handler = make_handler(context.strategy, context.sections)
    blocks = within(read_events(job.security, context.chunk_rows, faults), context.window)
    return with_events(run_job(handler, job.config_name, job.section, blocks, stop=stop), context, job, faults)


def with_events(result: JobResult, context: RunContext, job: Job, faults: Faults) -> JobResult:
    """Return `result`; raise DataError when no event came, or none that a strategy can use."""
    if result.rows == 0:
        raise DataError(f"{job.security.source}: no events{_in_window(context)}")
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
        status, text = "crashed", f"the handler called sys.exit({error.code!r})"
    elif isinstance(error, MemoryError):
        status = "oom"
    elif isinstance(error, DataError):
        status, text = "invalid_data", str(error)
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


def fill_table(fills: Fills) -> pa.Table:
    """Return `fills` as a table of `schema.FILL_DTYPES`."""
    sides = pa.DictionaryArray.from_arrays(_column((fills.quantities > 0).view("int8"), pa.int8()), _SIDES)
    columns = (
        _column(fills.timestamps, pa.timestamp("ns")),
        sides.cast(pa.string()),
        _column(fills.prices, pa.float64()),
        _column(np.abs(fills.quantities), pa.int64()),
        _column(fills.realized, pa.float64()),
        _column(fills.positions, pa.int64()),
        _column(fills.pnl, pa.float64()),
    )
    return pa.Table.from_arrays(list(columns), list(FILL_COLUMNS))


def _column(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Return `values` as they lie in memory; pa.array would do, but imports pandas."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


_SIDES = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 4, 7], np.int32)), pa.py_buffer(b"sellbuy"))


def peak_rss_mb() -> float:
    """Return this process's largest resident memory so far, in MiB (the current one where the system keeps none)."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / _MEBIBYTE)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MEBIBYTE if sys.platform == "darwin" else peak / 1024
