"""The plan of a batch: what there is to do, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dbatch.batch.options import BatchOptions
from dbatch.batch.planned_runs import PlannedRuns
from dbatch.batch.planner import Planner
from dbatch.batch.setups import Setup, Setups
from dbatch.config.batch_file import BatchFile
from dbatch.engine.packing import Task
from dbatch.errors import UsageError
from dbatch.model import RunContext


@dataclass(frozen=True)
class BatchPlan:
    """A batch about to start: its runs in order, its distinct jobs as tasks, and the contexts that they run under."""

    batch: BatchFile
    output_dir: Path
    runs: PlannedRuns
    tasks: tuple[Task, ...]
    contexts: tuple[RunContext, ...]
    setups: tuple[Setup, ...]
    notes: tuple[str, ...]


def plan_batch(
    batch: BatchFile, options: BatchOptions, numbers: Sequence[int] | None = None, *, setups: Setups | None = None
) -> BatchPlan:
    """Return the plan of `batch`, of the runs with `numbers` only where these are given.

    `setups` are those that a check of the batch file began with. Data is hashed, no event is looked at, and no result
    is touched.

    Raises UsageError (and its kinds) for strategies, data or options that cannot be used, and one ConfigError with
    the faults of all parameters.
    """
    setups = Setups() if setups is None else setups
    planner = Planner(batch, options, setups)
    runs = PlannedRuns(tuple(planner.planned(_chosen(batch, options) if numbers is None else numbers)))
    planner.raise_faults()
    return BatchPlan(
        batch,
        batch.output_root / batch.batch_name,
        runs,
        tuple(planner.tasks.values()),
        tuple(planner.contexts.values()),
        tuple(setups),
        tuple(setups.notes),
    )


def _chosen(batch: BatchFile, options: BatchOptions) -> Sequence[int]:
    numbers = range(len(batch.runs))
    if options.runs is None:
        return numbers
    first, last = options.runs
    if first >= len(batch.runs):
        raise UsageError(f"--range {first}:{last or ''}: the batch has {len(batch.runs):,} runs, numbered from 0")
    return numbers[first:last]


def with_name(batch: BatchFile, name: str | None, output_root: Path | None) -> BatchFile:
    """Return `batch` under another name or below another folder, where these are given."""
    return replace(
        batch,
        batch_name=name or batch.batch_name,
        output_root=batch.output_root if output_root is None else output_root.absolute(),
    )
