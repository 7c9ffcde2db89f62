"""`dbatch run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli import options
from dbatch.cli.progress import Progress, observer_for
from dbatch.cli.signals import leave_at_once, raise_on_signals

if TYPE_CHECKING:
    from dbatch.batch import Plan, RunOutcome, RunRequest

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("run")
@options.takes_request()
def run(
    *,
    workers: options.Workers = None,
    executor: options.Executor = options.ClusterKind.auto,
    request: RunRequest,
    serial: Annotated[bool, typer.Option("--serial", help="One after the other in this process, no Dask.")] = False,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler that is already there.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Start the Dask dashboard.")] = True,
    progress: Annotated[Progress, typer.Option(help="How progress is shown.")] = Progress.auto,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="The same as --progress none.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop a job that takes longer: 60s, 5m. Jobs get processes.")
    ] = None,
    memory_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Stop a job that uses more: 512MiB, 2GiB. Jobs get processes.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
    rerun: Annotated[bool, typer.Option("--rerun", help="Replace the results in the output folder.")] = False,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Measure it sequentially and with --workers; results are not kept.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")] = False,
) -> None:
    """Run a strategy over every security, in parallel, and keep the results."""
    from dbatch.batch import make_plan
    from dbatch.batch import run as run_batch

    request = replace(
        request,
        execution=options.execution_of(workers, executor, serial=serial, scheduler=scheduler, dashboard=dashboard),
        limits=options.limits_of(timeout, memory_limit),
        fail_fast=fail_fast,
        rerun=rerun,
    )
    if benchmark:
        _refuse_with_benchmark({"--serial": serial, "--scheduler": scheduler, "--dry-run": dry_run, "--rerun": rerun})
        raise typer.Exit(_benchmark(request, as_json))
    if dry_run:
        with stdout_kept_for_data():
            plan = make_plan(request)
        _print_plan(plan, request, as_json)
        return
    _stop_on_signals()
    with stdout_kept_for_data():
        outcome = run_batch(request, observer_for(Progress.none if no_progress else progress))
    _print_outcome(outcome, request, as_json)
    raise typer.Exit(_exit_code(outcome))


@contextmanager
def stdout_kept_for_data() -> Iterator[None]:
    """Send what strategies print, in this process and in workers started meanwhile, to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _refuse_with_benchmark(given: Mapping[str, object]) -> None:
    from dbatch.errors import UsageError

    refused = [option for option, value in given.items() if value]
    if refused:
        raise UsageError(f"{', '.join(refused)}: cannot be given with --benchmark, which says how and where it runs")


def _benchmark(request: RunRequest, as_json: bool) -> int:
    from dbatch.benchmark.measuring import cores
    from dbatch.cli.benchmark import benchmark_request

    if request.output_dir is not None:
        typer.echo("note: --benchmark keeps no results, --output-dir is not used", err=True)
    return benchmark_request(request, [request.execution.workers or cores()], as_json=as_json)


def _stop_on_signals() -> None:
    """Make the first signal stop the run in good order, and a second one at once."""
    heard: list[int] = []

    def hear(number: int) -> None:
        heard.append(number)
        if len(heard) > 1:
            leave_at_once(number)
        os.write(2, b"stopping; finished jobs are kept (once more stops at once)\n")

    raise_on_signals(hear)


def _exit_code(outcome: RunOutcome) -> int:
    if outcome.interrupted is not None:
        return 128 + outcome.interrupted
    if outcome.fault is not None:
        return 4
    return 0 if set(outcome.counts) <= {"success"} else 1


def _print_plan(plan: Plan, request: RunRequest, as_json: bool) -> None:
    if as_json:
        import json

        facts = {"schema": "dbatch.plan/1", "output_dir": str(plan.output_dir), "notes": plan.notes}
        jobs = [
            {"security": job.security.name, "source": str(job.security.source), "parameters": job.section}
            for job in plan.jobs
        ]
        typer.echo(json.dumps(facts | {"strategy": plan.ref.name, "origin": plan.ref.origin, "jobs": jobs}))
        return
    for note in plan.notes:
        typer.echo(f"note: {note}", err=True)
    kind = request.execution.kind(plan.compiled or bool(request.limits))
    typer.echo(f"strategy  {plan.ref.name} ({plan.ref.origin})")
    typer.echo(f"data      {plan.market.origin}")
    slots = "" if kind == "existing" else f", {request.execution.slots(len(plan.jobs))} at a time"
    typer.echo(f"executor  {kind}{slots}")
    typer.echo(f"output    {plan.output_dir}")
    for job in plan.jobs:
        values = " ".join(f"{key}={value}" for key, value in job.section.items())
        typer.echo(f"  {job.security.name}: {values or 'no parameters'}")
    typer.echo(f"{len(plan.jobs)} jobs; nothing was run")


def _print_outcome(outcome: RunOutcome, request: RunRequest, as_json: bool) -> None:
    from dbatch.results.export import summary_row

    if as_json:
        import json

        facts = {
            "schema": "dbatch.run/1",
            "output_dir": str(outcome.output_dir),
            "counts": outcome.counts,
            "computed": outcome.computed,
            "interrupted": outcome.interrupted,
            "fault": outcome.fault,
            "securities": [summary_row(receipt) for receipt in outcome.receipts],
        }
        typer.echo(json.dumps(facts))
    for receipt in outcome.receipts:
        for note in receipt.notes:
            typer.echo(f"note: {receipt.security}: {note}", err=True)
    failed = [receipt for receipt in outcome.receipts if receipt.status not in ("success", "cancelled")]
    for receipt in failed:
        typer.echo(f"{receipt.status}: {receipt.security}: {receipt.error}", err=True)
    if any(receipt.details for receipt in failed):
        typer.echo(f"tracebacks are in {outcome.output_dir / 'run.log'}", err=True)
    good = [receipt for receipt in outcome.receipts if receipt.status == "success"]
    pnl = sum(receipt.realized_pnl for receipt in good)
    fills = sum(receipt.trades for receipt in good)
    fees = sum(receipt.fees for receipt in good if receipt.fees is not None)
    net = f" after fees of {fees:,.2f}" if any(receipt.fees is not None for receipt in good) else ""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.counts.items()))
    place = "" if outcome.fault is not None or not (good or failed) else f"; results in {outcome.output_dir}"
    typer.echo(f"{counts}; {fills:,} fills, realized P&L {pnl:,.2f}{net}{place}", err=True)
    if fills == 0 and good and request.window.only_trades:
        typer.echo("note: no fills; --only-trades hides the quotes that this strategy may need", err=True)
    if outcome.fault is not None:
        typer.echo(f"error: {outcome.fault}", err=True)
    if outcome.interrupted is not None or outcome.fault is not None:
        typer.echo(f"what is finished is kept; go on with: {_command_line()}", err=True)


def _command_line() -> str:
    import shlex

    return shlex.join(["dbatch", *(word for word in sys.argv[1:] if word != "--rerun")])
