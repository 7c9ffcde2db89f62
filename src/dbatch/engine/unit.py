"""What one Dask task does: run its jobs, publish what they gave, send back receipts. Failures are receipts too."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import random
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from dbatch.data.blocks import cut
from dbatch.data.cache import cached_events
from dbatch.data.faults import Faults
from dbatch.durable import passed
from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult, run_job
from dbatch.engine.missing import missing_columns
from dbatch.errors import DataError, DbatchError, MissingDataError, StorageError
from dbatch.model import Job, Receipt, RunContext, Status, Unit
from dbatch.plugins.loading import Load, declared_needs, load_factory, make_handler, where_it_broke
from dbatch.results.part import PartRow, publish
from dbatch.schema import FILL_COLUMNS

Ask = Callable[[], bool]

_MEBIBYTE = 1 << 20
_MOST_FILLS = 1 << 21
"""Fills that a unit holds before it publishes what it has: some 100 MB."""


def never() -> bool:
    """Return False: nobody asks to stop."""
    return False


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its receipt and, where it succeeded, its fills (where kept) and daily P&L (of a sweep).

    `days` int64 days since 1970 and `daily_pnl` float64 currency have one length.
    """

    receipt: Receipt
    fills: Fills | None = None
    days: np.ndarray | None = None
    daily_pnl: np.ndarray | None = None


def run_unit(
    context: RunContext, unit: Unit, *, stop: Ask = never, drain: Ask = never, hears_signals: bool = False
) -> list[Receipt]:
    """Return the receipts of the jobs of `unit`, what they gave published under the run's output folder.

    When `drain` says so, it ends with the job it is at; the other jobs have no receipts then. In a process that
    `hears_signals` a KeyboardInterrupt is the user's, elsewhere the handler's. Raises StorageError when results
    cannot be kept, InterruptedError when `stop` said so.
    """
    receipts: list[Receipt] = []
    waiting: list[Outcome] = []
    fills = 0
    with contextlib.closing(_outcomes(context, unit.jobs, stop, hears_signals)) as outcomes:
        for outcome in outcomes:
            waiting.append(outcome)
            fills += len(outcome.fills or ())
            if fills > _MOST_FILLS:
                receipts += _published(context, waiting)
                waiting, fills = [], 0
            if drain():
                break
    receipts += _published(context, waiting)
    passed(5)
    return receipts


def _outcomes(
    context: RunContext, jobs: Sequence[Job], stop: Ask, hears_signals: bool
) -> Generator[Outcome, None, None]:
    if context.isolated:
        from dbatch.engine.isolate.parent import run_isolated

        yield from run_isolated(context, jobs, stop=stop)
        return
    load = functools.cache(load_factory)  # the strategy's files are looked at once a unit
    for job in jobs:
        yield run_one(context, job, load=load, stop=stop, hears_signals=hears_signals)


def run_one(
    context: RunContext, job: Job, *, load: Load = load_factory, stop: Ask = never, hears_signals: bool = False
) -> Outcome:
    """Return what becomes of `job` in this process; whatever the data or the handler do wrong becomes a receipt.

    `load` gives the strategy's factory. Raises InterruptedError when `stop` said so, and KeyboardInterrupt in a
    process that `hears_signals`.
    """
    started = time.perf_counter()
    try:
        faults = Faults()
        result = _run(context, job, load, stop, faults)
        return _succeeded(context, job, result, faults.lines(), started)
    except (StorageError, InterruptedError):
        raise
    except KeyboardInterrupt as error:
        if hears_signals:
            raise
        return Outcome(failure(context, job, error, time.perf_counter() - started))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - filed under its security, with its traceback
        return Outcome(failure(context, job, error, time.perf_counter() - started))


def _run(context: RunContext, job: Job, load: Load, stop: Ask, faults: Faults) -> JobResult:
    if context.seed is not None:
        _seed(context.seed, job)
    sections = context.sections or {job.config_name: job.section}
    handler = make_handler(context.strategy, sections, load=load)
    blocks = cached_events(
        job.security, job.fingerprint, context.chunk_rows, context.window, faults, keep=context.sweep
    )
    if not context.compiled:
        blocks = cut(blocks, context.chunk_rows)  # chunks are the same wherever the events come from
    needs = declared_needs(context.strategy, handler)
    result = run_job(handler, job.config_name, job.section, blocks, needs=needs, stop=stop)
    return with_events(result, context, job, faults)


def _seed(seed: int, job: Job) -> None:
    """Begin random numbers where the batch's seed, the parameters and the security say: wherever the job runs."""
    identity = json.dumps([seed, job.section, job.config_name], sort_keys=True, default=repr)
    drawn = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8])
    random.seed(drawn)
    np.random.seed(drawn % 2**32)


def _succeeded(context: RunContext, job: Job, result: JobResult, notes: Sequence[str], started: float) -> Outcome:
    fills = result.fills
    days: np.ndarray | None = None
    daily_pnl: np.ndarray | None = None
    metrics: dict[str, Any] = {}
    if context.sweep:
        from dbatch.engine.performance import performance_of

        days, daily_pnl, metrics, complaint = performance_of(result)
        notes = [*notes, *complaint]
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
        **fills.metrics()._asdict(),
        metrics=metrics,
        first_day=int(result.market_days[0]) if result.market_dates else None,
        last_day=int(result.market_days[-1]) if result.market_dates else None,
        rows=result.rows,
        rows_skipped=result.rows_skipped,
        notes=tuple(notes),
        runtime_sec=time.perf_counter() - started,
        peak_rss_mb=recent_peak_rss_mb() if context.sweep and not context.isolated else peak_rss_mb(),
    )
    return Outcome(receipt, fills if context.keep_fills else None, days, daily_pnl)


def _published(context: RunContext, outcomes: Sequence[Outcome]) -> list[Receipt]:
    """Return the receipts of `outcomes`, those of a sweep or with fills published as one part."""
    if not any(outcome.receipt.status == "success" for outcome in outcomes):
        return [outcome.receipt for outcome in outcomes]
    rows = [
        PartRow(each.receipt, each.days, each.daily_pnl, None if each.fills is None else fill_table(each.fills))
        for each in outcomes
    ]
    return publish(context.output_dir, rows)


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
