"""Every job of a request in turn: no Dask, no cache of data, no blocks of jobs, one chunk."""

from __future__ import annotations

import json
import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.batch import Plan, RunRequest, make_plan
from dbatch.data.blocks import EventBlock
from dbatch.engine.job import JobResult, run_job
from dbatch.engine.missing import missing_columns
from dbatch.errors import DataError, DbatchError, MissingDataError
from dbatch.lifetime import die_with_parent
from dbatch.model import Job
from dbatch.plugins.loading import declared_needs, make_handler, where_it_broke
from dbatch.reference.plain_bars import read_whole_bars
from dbatch.reference.plain_fees import less_fees
from dbatch.reference.plain_read import read_whole

OUTCOMES_NAME: Final = "reference.json"
_FILL_TYPES: Final = {
    "timestamp": pa.timestamp("ns"),
    "side": pa.string(),
    "fill_price": pa.float64(),
    "fill_qty": pa.int64(),
    "realized_pnl": pa.float64(),
    "position": pa.int64(),
    "pnl": pa.float64(),
}


@dataclass(frozen=True)
class How:
    """How to go through the jobs: securities in `order` (None: the plan's), in chunks of `chunk_rows` (None: whole).

    Making a plan makes a handler. With `planned_elsewhere` that is done in another process, so that the first job's
    handler is the first of its process.
    """

    order: Sequence[str] | None = None
    chunk_rows: int | None = None
    planned_elsewhere: bool = False


def run_reference(
    request: RunRequest, output_dir: Path, how: How, started: Callable[[], None], ended: Callable[[], None]
) -> None:
    """Write into `output_dir` what the jobs of `request` give: `reference.json` and a Parquet file each of fills.

    `started` is called when the plan is made, `ended` after the last job.
    """
    plan = _plan_made_elsewhere(request) if how.planned_elsewhere else make_plan(request)
    output_dir.mkdir(parents=True, exist_ok=True)
    started()
    outcomes = {}
    order = list(how.order or ())
    jobs = sorted(plan.jobs, key=lambda job: order.index(job.security.name)) if order else plan.jobs
    for number, job in enumerate(jobs):
        outcomes[job.security.name] = _outcome(plan, request, job, how, output_dir / f"{number:05d}.parquet")
    ended()
    ordered = {job.security.name: outcomes[job.security.name] for job in plan.jobs}
    content = {"strategy": plan.ref.name, "origin": plan.ref.origin, "how": asdict(how), "securities": ordered}
    (output_dir / OUTCOMES_NAME).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _plan_made_elsewhere(request: RunRequest) -> Plan:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, initializer=die_with_parent, initargs=(os.getpid(),)) as pool:
        return pool.submit(make_plan, request).result()


def _outcome(plan: Plan, request: RunRequest, job: Job, how: How, path: Path) -> dict[str, Any]:
    try:
        if job.security.source.kind == "universe":
            return _account(plan, request, job, path)
        result = less_fees(_result(plan, request, job, how), job.fees)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - filed under its security, with its traceback
        columns = missing_columns(error)
        status = "skipped" if columns or isinstance(error, MissingDataError) else "failed"
        text = columns or (str(error) if isinstance(error, DbatchError) else where_it_broke(error, plan.ref))
        return {"status": status, "error": " ".join(text.split()), "details": traceback.format_exc()}
    pq.write_table(_table(result), path)
    values = {
        "trades": len(result.fills),
        "realized_pnl": result.realized_pnl,
        "position": result.position,
        "market_dates": result.market_dates,
        "strategy_dates": result.fills.days(),
        **result.fills.metrics()._asdict(),
    }
    return {"status": "success", "error": "", "rows": result.rows, "values": values, "fills": path.name}


def _account(plan: Plan, request: RunRequest, job: Job, path: Path) -> dict[str, Any]:
    """Return what becomes of a portfolio's job, which has no fills: its orders, and what its account amounts to."""
    from dbatch.reference.plain_universe import account_of

    handler = make_handler(plan.ref, plan.sections.mapping)
    rows, values, tables = account_of(handler, job, request.window)
    pq.write_table(pa.table({name: pa.array([], kind) for name, kind in _FILL_TYPES.items()}), path)
    accounts = {name: f"{path.stem}-{name}.parquet" for name in tables}
    for name, table in tables.items():
        pq.write_table(table, path.with_name(accounts[name]))
    found = {"status": "success", "error": "", "rows": rows, "values": values}
    return {**found, "fills": path.name, "accounts": accounts}


def _result(plan: Plan, request: RunRequest, job: Job, how: How) -> JobResult:
    if job.security.source.bars:
        bars = read_whole_bars(job.security, request.window)
        handler = make_handler(plan.ref, plan.sections.mapping)
        return run_job(handler, job.config_name, job.section, [bars], needs=declared_needs(plan.ref, handler))
    events = read_whole(job.security, request.window)
    handler = make_handler(plan.ref, plan.sections.mapping)
    needs = declared_needs(plan.ref, handler)
    result = run_job(handler, job.config_name, job.section, _chunks(events, how.chunk_rows), needs=needs)
    if result.rows == result.rows_skipped:
        raise DataError(f"{job.security.source}: no event that can be used")
    return result


def _chunks(events: EventBlock, rows: int | None) -> list[EventBlock]:
    if rows is None:
        return [events]
    return [events.rows(slice(first, first + rows)) for first in range(0, len(events), rows)]


def _table(result: JobResult) -> pa.Table:
    """Return the fills as columns of `schema.FILL_DTYPES`."""
    fills = result.fills
    return pa.table(
        {
            "timestamp": pa.array(fills.timestamps).view(pa.timestamp("ns")),  # pa.array takes no time for a null
            "side": pa.array(["buy" if quantity > 0 else "sell" for quantity in fills.quantities], pa.string()),
            "fill_price": pa.array(fills.prices),
            "fill_qty": pa.array(np.abs(fills.quantities)),
            "realized_pnl": pa.array(fills.realized),
            "position": pa.array(fills.positions),
            "pnl": pa.array(fills.pnl),
        }
    )
