"""What carrying out a plan would take: from what its jobs took before, else by rules of thumb."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan
from dbatch.batch.probe import EVENTS, seconds_an_event
from dbatch.batch.stale import find_stale
from dbatch.data.read import size_hint
from dbatch.engine.packing import MOST_JOBS, TARGET_SEC, Task, jobs_of
from dbatch.model import RunContext, Source, StrategyRef
from dbatch.results.ledger import LEDGER_NAME, reading_ledger
from dbatch.results.run_files import MOST_FOLDERS

_BYTES_AN_EVENT: Final = {"parquet": 6, "csv": 40, "excel": 20}
_SEC_AN_EVENT: Final = {True: 10e-9, False: 6e-6}
_SEC_A_BAR: Final = 4e-9
"""Of a compiled strategy, and of a plain handler that could not be tried: with an order book and some arithmetic."""

_START_SEC: Final = 1.8
_DRIVER_SEC_A_JOB: Final = 0.12e-3
_CHILD_SEC: Final = 0.1
_DRIVER_MB: Final = 150.0
_DRIVER_BYTES_A_JOB: Final = 6_000
_SERVER_MB: Final = 70.0
_CHILD_MB: Final = 45.0
_WORKER_MB: Final = 150.0
_EVENT_BYTES: Final = {True: 25, False: 100}
"""Columns as they are held, and the DataFrame that a plain handler gets of one chunk of them."""

_BYTES_A_JOB: Final = 2_400
_BYTES_A_RUN: Final = 1_000
_FOLDER_BYTES: Final = 10_000
_FOLDER_BYTES_A_JOB: Final = 1_500
_FILLS_AN_EVENT: Final = 0.01
_BYTES_A_FILL: Final = 95
_BYTES_AN_ORDER: Final = 56
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True)
class Forecast:
    """What a batch would take: seconds and MiB are estimates, `basis` says of what.

    `jobs` counts every run's, `distinct` those that differ; `done` and `failed` those that are finished. `strategies`
    are (name, runs, securities).
    """

    name: str
    output_dir: str
    runs: int
    jobs: int
    distinct: int
    done: int
    failed: int
    units: int
    slots: int
    where: str
    seconds: float
    basis: str
    memory_mb: float
    disk_mb: float
    free_mb: float
    stale: str
    strategies: tuple[tuple[str, int, int], ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as `dbatch batch --dry-run --json` prints it."""
        return {"schema": "dbatch.batch_plan/1", **asdict(self)}


def forecast(plan: BatchPlan, options: BatchOptions) -> Forecast:
    """Return what `plan` would take; its folder is read, nothing is written, and plain handlers are tried."""
    statuses, seconds_before, stale = _held(plan)
    todo = [task for task in plan.tasks if task.key not in statuses]
    done = [statuses[task.key] for task in plan.tasks if task.key in statuses]
    contexts = {context.run_id: context for context in plan.contexts}
    events = {source: events_of(source) for source in {task.source.security.source for task in plan.tasks}}
    pace = {} if seconds_before else _pace(todo, contexts, events)
    compute = sum(seconds_before or events[task.source.security.source] * pace[task.source.run_id][0] for task in todo)
    slots = options.execution.slots(len(todo))
    seconds_a_job = max(compute / max(len(todo), 1), _DRIVER_SEC_A_JOB)
    units = -(-len(todo) // (options.unit_jobs or max(1, min(MOST_JOBS, int(TARGET_SEC / seconds_a_job)))))
    keep_fills, _ = options.kept_fills(len(plan.batch.runs))
    fills = sum(events[task.source.security.source] for task in todo) * _FILLS_AN_EVENT if keep_fills else 0.0
    runs = plan.runs.by_strategy()
    return Forecast(
        name=plan.output_dir.name,
        output_dir=str(plan.output_dir),
        runs=len(plan.runs),
        jobs=sum(len(block.numbers) * len(block.securities) for block in plan.runs.blocks),
        distinct=len(plan.tasks),
        done=len(done),
        failed=sum(status != "success" for status in done),
        units=units,
        slots=slots,
        where=_where(plan.contexts),
        seconds=_seconds(plan, len(todo), compute, units, slots),
        basis=" and ".join(sorted({basis for _, basis in pace.values()})) or "by what its jobs took before",
        memory_mb=_memory_mb(plan, slots, max(events.values(), default=0.0)),
        disk_mb=_disk_mb(plan, len(todo), fills),
        free_mb=shutil.disk_usage(_existing(plan.output_dir)).free / _MEBIBYTE,
        stale=stale,
        strategies=tuple(
            (setup.ref.name, runs[setup.ref.name], len(setup.market.securities))
            for setup in {setup.ref.name: setup for setup in plan.setups}.values()
        ),
    )


def events_of(source: Source) -> float:
    """Return about how many events `source` holds: exactly for Parquet files, by size for others."""
    if source.kind == "parquet" and not source.only:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return float(sum(pq.read_metadata(path).num_rows for path in source.paths))
        except (OSError, pa.ArrowException):
            pass
    return size_hint(source) / _BYTES_AN_EVENT[source.kind]


def _pace(
    tasks: Sequence[Task], contexts: Mapping[str, RunContext], events: Mapping[Source, float]
) -> dict[str, tuple[float, str]]:
    """Return the seconds an event that jobs of each context take, and by what that is known.

    A plain handler is tried, once a strategy, with a job over the largest security: what a job takes however few
    events there are hardly counts there.
    """
    found: dict[str, tuple[float, str]] = {}
    tried: dict[StrategyRef, float | None] = {}
    for task in sorted(tasks, key=lambda task: -events[task.source.security.source]):
        context = contexts[task.source.run_id]
        if task.source.run_id in found:
            continue
        if not context.compiled and context.strategy not in tried:
            tried[context.strategy] = seconds_an_event(context, jobs_of([task])[0])
        measured = tried.get(context.strategy)
        by = f"by the first {EVENTS:,} events" if measured else "by the number of events; a guess"
        is_pass = context.compiled and bool(task.source.security.source.bars)
        guess = _SEC_A_BAR if is_pass else _SEC_AN_EVENT[context.compiled]
        found[task.source.run_id] = measured or guess, by
    return found


def _held(plan: BatchPlan) -> tuple[dict[str, str], float | None, str]:
    """Return the status of jobs that are finished, the seconds a job took on average, and what is stale in words."""
    if not (plan.output_dir / LEDGER_NAME).is_file():
        return {}, None, ""
    with reading_ledger(plan.output_dir) as ledger:
        facts = ledger.facts()
        inputs, now = facts.get("inputs", ()), [setup.facts() for setup in plan.setups]
        stale = find_stale(ledger.planned(), ledger.statuses(), plan.runs.jobs(), inputs, now)
        ((average,),) = ledger.query("select avg(runtime_sec) from receipts where status = 'success'")
        return ledger.statuses(), average, stale.text() if stale else ""


def _where(contexts: tuple[RunContext, ...]) -> str:
    isolated = {context.isolated for context in contexts}
    return {
        frozenset({True}): "in processes of their own",
        frozenset({False}): "in the workers",
    }.get(frozenset(isolated), "in processes of their own where they are plain Python")


def _seconds(plan: BatchPlan, jobs: int, compute: float, units: int, slots: int) -> float:
    """Return the seconds until all is done: starting, what the driver does for each job, what slots share."""
    if not jobs:
        return 0.0
    children = units * _CHILD_SEC if any(context.isolated for context in plan.contexts) else 0.0
    return _START_SEC + jobs * _DRIVER_SEC_A_JOB + (compute + children) / slots


def _memory_mb(plan: BatchPlan, slots: int, events: float) -> float:
    """Return the memory of all processes that no file backs, when the largest security has so many `events`."""
    size = _DRIVER_MB * _MEBIBYTE + len(plan.tasks) * _DRIVER_BYTES_A_JOB
    if any(context.isolated for context in plan.contexts):
        size += (_SERVER_MB + slots * _CHILD_MB) * _MEBIBYTE
    elif not all(context.compiled for context in plan.contexts):
        size += slots * _WORKER_MB * _MEBIBYTE
    for is_compiled in {context.compiled for context in plan.contexts}:
        rows = events if is_compiled else slots * min(events, max(context.chunk_rows for context in plan.contexts))
        size += rows * _EVENT_BYTES[is_compiled]
    return size / _MEBIBYTE


def _disk_mb(plan: BatchPlan, jobs: int, fills: float) -> float:
    """Return what `jobs` jobs to come add to the disk, of which so many `fills` are kept."""
    runs = len(plan.runs) * jobs / max(len(plan.tasks), 1)
    size = jobs * _BYTES_A_JOB + runs * _BYTES_A_RUN + fills * _BYTES_A_FILL
    if len(plan.runs) <= MOST_FOLDERS:
        size += runs * _FOLDER_BYTES + jobs * _FOLDER_BYTES_A_JOB + fills * _BYTES_AN_ORDER
    return size / _MEBIBYTE


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
