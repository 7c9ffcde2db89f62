"""The options of commands that carry out a batch, spelled alike in each."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli import options
from dbatch.cli.progress import Progress
from dbatch.cli.takes import takes

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions


class Isolation(StrEnum):
    """Where jobs run; auto is a process of their own for plain handlers and whatever has limits."""

    auto = "auto"
    process = "process"
    worker = "worker"
    none = "none"


Workers = Annotated[
    int | None, typer.Option("--workers", "--max-workers", "-w", min=1, help="Jobs at a time. [default: all cores]")
]
Serial = Annotated[bool, typer.Option("--serial", help="One after the other, no Dask.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a Dask scheduler that is already there.")]
Dashboard = Annotated[bool, typer.Option(help="Start the Dask dashboard.")]
FailFast = Annotated[
    bool | None,
    typer.Option("--fail-fast/--keep-going", help="Stop at the first run that fails. [default: keep going]"),
]
MaxFailures = Annotated[str | None, typer.Option(metavar="N|P%", help="Stop when more runs than that failed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
Rerun = Annotated[bool, typer.Option("--rerun", help="Replace the results in the batch's folder.")]
Timeout = Annotated[str | None, typer.Option(metavar="TIME", help="Stop a job that takes longer: 60s, 5m.")]
BatchTimeout = Annotated[str | None, typer.Option(metavar="TIME", help="End the batch after that time; it can go on.")]
MemoryLimit = Annotated[str | None, typer.Option(metavar="SIZE", help="Stop a job that uses more: 512MiB, 2GiB.")]
Retries = Annotated[int, typer.Option(min=0, help="Do a failed job again, that many times.")]
Isolate = Annotated[Isolation, typer.Option(help="Where jobs run: a process of their own, the worker, this process.")]
Units = Annotated[str, typer.Option(metavar="auto|N", help="Jobs a task; auto measures.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="The same as --units N.")]
Range = Annotated[str | None, typer.Option("--range", metavar="START:END", help="Only these runs, by number from 0.")]
Merge = Annotated[bool, typer.Option("--merge/--no-merge", help="Write summary, results and run folders at the end.")]
HoldoutFrom = Annotated[
    str | None, typer.Option("--holdout", metavar="DATE:", help="Leave out the days from DATE on, for 'dbatch unseal'.")
]
OutputRoot = Annotated[str | None, typer.Option(metavar="DIR", help="Folder of the batch's folder.")]
Name = Annotated[str | None, typer.Option(help="Name of the batch's folder. [default: its batch_name]")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag for every run.")]
Study = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The study it belongs to: 'dbatch list' follows its best result."),
]
Priority = Annotated[int, typer.Option(help="Priority of its tasks on the Dask cluster; higher is sooner.")]
Objective = Annotated[
    str | None,
    typer.Option(metavar="METRIC", help="Which run is best: sharpe, return, drawdown, any metric of batch_summary."),
]
Fills = Annotated[
    str, typer.Option(metavar="all|top:N|none", help="Whose fills are kept. [default: all up to 100 runs]")
]
Grace = Annotated[str, typer.Option(metavar="TIME", help="How long jobs under way may take after Ctrl-C.")]
AcceptStale = Annotated[
    bool, typer.Option("--accept-stale", help="Keep results of changed code or data beside new ones, marked.")
]
RerunStale = Annotated[bool, typer.Option("--rerun-stale", help="Compute results of changed code or data again.")]
ProgressStyle = Annotated[Progress, typer.Option("--progress", help="How progress is shown.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="The same as --progress none.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")]


def options_of(
    *,
    workers: Workers = None,
    executor: options.Executor = options.ClusterKind.auto,
    serial: Serial = False,
    scheduler: Scheduler = None,
    dashboard: Dashboard = True,
    fail_fast: FailFast = None,
    max_failures: MaxFailures = None,
    timeout: Timeout = None,
    batch_timeout: BatchTimeout = None,
    memory_limit: MemoryLimit = None,
    retries: Retries = 0,
    isolate: Isolate = Isolation.auto,
    units: Units = "auto",
    batch_size: BatchSize = None,
    runs: Range = None,
    merge: Merge = True,
    tags: Tags = None,
    study: Study = None,
    priority: Priority = 0,
    fills: Fills = "auto",
    objective: Objective = None,
    grace: Grace = "10s",
    rerun: Rerun = False,
    accept_stale: AcceptStale = False,
    rerun_stale: RerunStale = False,
) -> BatchOptions:
    """Return what these options say; each is what the option of its name was given. Raises UsageError."""
    from dbatch.batch.options import BatchOptions, MaxFailures, parse_runs
    from dbatch.errors import UsageError
    from dbatch.results.objective import objective_of

    if accept_stale and rerun_stale:
        raise UsageError("--accept-stale and --rerun-stale: only one of them can be done")
    if executor is options.ClusterKind.processes and isolate is Isolation.none:
        raise UsageError("--executor processes and --isolate none: jobs cannot be in this process and in others")
    wrong = [tag for tag in tags or () if not all(tag.partition("=")[::2])]
    if wrong:
        raise UsageError(f"--tag {wrong[0]}: must be KEY=VALUE")
    chosen = BatchOptions(
        execution=options.execution_of(workers, executor, serial=serial, scheduler=scheduler, dashboard=dashboard),
        isolate=isolate,  # type: ignore[arg-type]  # typer checked it
        unit_jobs=batch_size or _units(units),
        timeout=options.seconds_of("--timeout", timeout),
        memory_limit=options.bytes_of("--memory-limit", memory_limit),
        batch_timeout=options.seconds_of("--batch-timeout", batch_timeout),
        grace=0.0 if grace in ("0", "0s") else options.seconds_of("--grace", grace) or 0.0,
        retries=retries,
        fail_fast=fail_fast,
        max_failures=None if max_failures is None else MaxFailures.parse(max_failures),
        fills=fills,
        runs=None if runs is None else parse_runs(runs),
        merge=merge,
        rerun=rerun,
        stale="accept" if accept_stale else "rerun" if rerun_stale else "refuse",
        tags=tuple(tags or ()),
        study=study,
        priority=priority,
        objective=None if objective is None else objective_of(objective).name,
    )
    chosen.kept_fills(0)  # refused now rather than when all is computed
    return chosen


def takes_batch_options(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command: all options of `options_of`, but for some, come to it as its `options`."""
    return takes("options", options_of, without=without)


def _units(text: str) -> int | None:
    from dbatch.errors import UsageError

    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--units {text}: must be auto or a number of jobs from 1")
    return int(text)
