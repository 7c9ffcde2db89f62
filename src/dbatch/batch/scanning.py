"""All combinations of values at once, for their numbers alone: nothing is kept but a table, nothing can be resumed.

What a scan computes is what a sweep computes, by the same engine, to the bit. It has no ledger, no parts, no daily P&L
and no process of its own for a job that hangs: for strategies that are compiled, and a question that is asked now.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch
from dbatch.batch.setups import Setups
from dbatch.config.batch_file import BatchFile
from dbatch.config.runs import Alike
from dbatch.engine.execute import Execution
from dbatch.engine.outcome import Outcome
from dbatch.engine.packing import Packer
from dbatch.engine.together import run_together
from dbatch.errors import UsageError
from dbatch.model import RunContext, Unit
from dbatch.plugins.loading import load_factory
from dbatch.results.columns import array_of, array_of_any, in_one, numbers, table_of, taken
from dbatch.results.facts import FACT_KINDS, fact_table
from dbatch.results.objective import Objective
from dbatch.results.part import PartBlock

_LEFT_OUT: Final = ("digest", "first_day", "last_day", "runtime_sec", "peak_rss_mb", "words")
_KINDS: Final = {name: kind for name, kind in FACT_KINDS.items() if name not in _LEFT_OUT}
_OF_A_JOB: Final = {"fills": "trades", "max_dd": "max_drawdown", "max_dd_pct": "max_drawdown_pct"}
"""Columns of `batch_summary` by what rows of jobs call them."""


@dataclass(frozen=True)
class Scan:
    """What a scan found: `table` has a row for each run over each security, `runs` is how many were tried.

    Columns: `run`, `security`, a `param.` column for each parameter that varies, `status`, `error`, and the facts of a
    job (`results.facts`), null where it did not succeed.
    """

    table: pa.Table
    runs: int
    seconds: float

    def best(self, objective: Objective, top: int | None = None) -> pa.Table:
        """Return the rows that are best by `objective`, of equal ones the first; those without a value are left out."""
        values = numbers(in_one(self.table.column(self.column_of(objective))))
        rows: pa.Table = taken(self.table, np.array(objective.ranked(values)[:top], np.int64))
        return rows

    def column_of(self, objective: Objective) -> str:
        """Return the column that `objective` looks at. Raises UsageError for one that jobs do not have."""
        column = _OF_A_JOB.get(objective.column, objective.column)
        if column not in self.table.column_names:
            raise UsageError(f"--objective {objective.name}: a scan does not compute it; 'dbatch sweep' does")
        return column


def scan(batch: BatchFile, setups: Setups, workers: int | None = None) -> Scan:
    """Return the numbers of all runs of `batch`, computed by `workers` threads (None: one a core).

    Raises UsageError (and its kinds) as `plan_batch` does, and for strategies that are not compiled; KeyboardInterrupt
    when it is interrupted, and nothing is left then.
    """
    began = time.perf_counter()
    plan = plan_batch(batch, BatchOptions(fills="none"), setups=setups)
    for context in plan.contexts:
        if context.isolated or not context.compiled:
            name = context.strategy.name
            raise UsageError(f"strategy '{name}' is plain Python, which no thread can stop; use 'dbatch sweep'")
    found = _computed(plan, Execution(workers).slots(max(1, len(plan.tasks))))
    return Scan(_by_run(plan, found), len(plan.runs), time.perf_counter() - began)


def _by_run(plan: BatchPlan, found: pa.Table) -> pa.Table:
    """Return the rows `found` of jobs as those of runs over securities, in their order, with their parameters."""
    jobs = list(plan.runs.jobs())
    places = {key: place for place, key in enumerate(found.column("key").to_pylist())}
    rows = taken(found, np.array([places[key] for _, _, key, _ in jobs], np.int64))
    columns = [array_of([run for run, *_ in jobs], "int"), array_of([security for _, security, *_ in jobs], "text")]
    parameters = _parameters(plan)
    first = plan.runs.numbers[0] if len(plan.runs) else 0
    of_run = np.array([run for run, *_ in jobs], np.int64) - first
    varying = [taken(column, of_run) for column in parameters.values()]
    names = ["run", "security", *(f"param.{name}" for name in parameters)]
    own = rows.drop_columns(["key"])
    return pa.Table.from_arrays([*columns, *varying, *own.columns], [*names, *own.column_names])


def _computed(plan: BatchPlan, workers: int) -> pa.Table:
    """Return the rows of all jobs of `plan`, with their keys, in any order."""
    contexts = {context.run_id: replace(context, digests=False) for context in plan.contexts}
    packer, lock, stop = Packer(plan.tasks), threading.Lock(), threading.Event()

    def work() -> list[pa.Table]:
        tables: list[pa.Table] = []
        while not stop.is_set():
            with lock:
                unit = packer.take(workers)
            if unit is None:
                break
            began = time.perf_counter()
            tables += _rows(contexts[unit.run_id], unit, stop)
            with lock:
                packer.took(unit, (time.perf_counter() - began) / len(unit.jobs))
        return tables

    with ThreadPoolExecutor(workers, "scan") as pool:
        try:
            futures = [pool.submit(work) for _ in range(workers)]
            tables = [table for future in as_completed(futures) for table in future.result()]
        except BaseException:
            stop.set()
            raise
    return pa.concat_tables([_table([], [], [], {}), *tables])


def _rows(context: RunContext, unit: Unit, stop: threading.Event) -> Iterator[pa.Table]:
    """Yield the rows of the jobs of `unit`, as many at a time as ran together."""
    load = functools.cache(load_factory)
    for some in run_together(context, unit.jobs, load=load, stop=stop.is_set, hears_signals=False):
        if isinstance(some, PartBlock):
            count = len(some.keys)
            yield _table(some.keys, ["success"] * count, [None] * count, some.facts)
        else:
            yield _of_outcomes(some)


def _of_outcomes(outcomes: Sequence[Outcome]) -> pa.Table:
    receipts = [outcome.receipt for outcome in outcomes]
    facts = fact_table(receipts)
    known = {name: facts.column(name) for name in _KINDS}
    errors = [receipt.error or None for receipt in receipts]
    return _table([receipt.key for receipt in receipts], [receipt.status for receipt in receipts], errors, known)


def _table(
    keys: Sequence[str], statuses: Sequence[str], errors: Sequence[str | None], facts: Mapping[str, Any]
) -> pa.Table:
    words = {"key": keys, "status": statuses, "error": errors}
    known = {name: facts.get(name, ()) for name in _KINDS}
    return table_of({**words, **known}, {**dict.fromkeys(words, "text"), **_KINDS})


def _parameters(plan: BatchPlan) -> dict[str, pa.Array]:
    """Return the parameters that are not the same in all runs: of each a value per run, in the order of runs."""
    values: dict[str, list[Any]] = {}
    count = 0
    for runs in plan.batch.runs.together(plan.runs.numbers):
        size, varied = 1, dict[str, list[Any]]()
        if isinstance(runs, Alike):
            axes = zip(runs.axes, runs.columns, strict=True)
            size, varied = len(runs.numbers), {axis.key: [axis.values[at] for at in column] for axis, column in axes}
        first = runs.first if isinstance(runs, Alike) else runs
        for name, value in first.parameters.items():
            own = values.setdefault(name, [])
            own.extend([None] * (count - len(own)))
            own.extend(varied.get(name) or [value] * size)
        count += size
    for own in values.values():
        own.extend([None] * (count - len(own)))
    return {name: array_of_any(own) for name, own in values.items() if len(set(map(repr, own))) > 1}
