"""What one Dask task does: run its jobs, publish what they gave, send back receipts. Failures are receipts too."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Sequence
from typing import Final

from dbatch.durable import passed
from dbatch.engine.alone import run_one
from dbatch.engine.fills import fill_table
from dbatch.engine.job import Ask, never
from dbatch.engine.outcome import Outcome
from dbatch.model import Job, Receipt, RunContext, Unit
from dbatch.plugins.loading import load_factory
from dbatch.results.part import PartBlock, PartRow, publish

Results = Sequence[Outcome] | PartBlock
"""What became of jobs that ran together, one by one or, where all succeeded, in columns."""

_MOST_FILLS: Final = 1 << 21
"""Fills that a unit holds before it publishes what it has: some 100 MB."""


def run_unit(
    context: RunContext, unit: Unit, *, stop: Ask = never, drain: Ask = never, hears_signals: bool = False
) -> list[Receipt]:
    """Return the receipts of the jobs of `unit`, what they gave published under the run's output folder.

    When `drain` says so, it ends with the job it is at, or the jobs that run together; the others have no receipts
    then. In a process that `hears_signals` a KeyboardInterrupt is the user's, elsewhere the handler's. Raises
    StorageError when results cannot be kept, InterruptedError when `stop` said so.
    """
    receipts: list[Receipt] = []
    waiting: list[Results] = []
    fills = 0
    with contextlib.closing(_outcomes(context, unit.jobs, stop, hears_signals)) as outcomes:
        for some in outcomes:
            waiting.append(some)
            fills += some.fill_count if isinstance(some, PartBlock) else sum(len(one.fills or ()) for one in some)
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
) -> Generator[Results, None, None]:
    """Yield what becomes of `jobs` in their order, as many at a time as ran together."""
    load = functools.cache(load_factory)  # the strategy's files are looked at once a unit
    if context.isolated:
        from dbatch.engine.isolate.parent import run_isolated

        yield from ([outcome] for outcome in run_isolated(context, jobs, stop=stop))
    elif context.compiled:
        from dbatch.engine.together import run_together

        yield from run_together(context, jobs, load=load, stop=stop, hears_signals=hears_signals)
    else:
        for job in jobs:
            yield [run_one(context, job, load=load, stop=stop, hears_signals=hears_signals)]


def _published(context: RunContext, results: Sequence[Results]) -> list[Receipt]:
    """Return the receipts of `results`, those of a sweep or with fills published as one part."""
    if not any(map(_has_success, results)):
        return [outcome.receipt for outcomes in results if not isinstance(outcomes, PartBlock) for outcome in outcomes]
    return publish(context.output_dir, *(one if isinstance(one, PartBlock) else _rows(one) for one in results))


def _has_success(results: Results) -> bool:
    return isinstance(results, PartBlock) or any(outcome.receipt.status == "success" for outcome in results)


def _rows(outcomes: Sequence[Outcome]) -> list[PartRow]:
    return [
        PartRow(each.receipt, each.days, each.daily_pnl, None if each.fills is None else fill_table(each.fills))
        for each in outcomes
    ]
