"""`dbatch run`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli.progress import Progress, observer_for

if TYPE_CHECKING:
    from dbatch.batch import Plan, RunOutcome, RunRequest

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("run")
def run(
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Name of the strategy; see 'dbatch strategies'.")],
    data: Annotated[
        str | None,
        typer.Option(help="Workbook, Parquet or CSV file, or a folder of them; local or a URL. [default: data/]"),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Jobs at a time. [default: all cores]")] = None,
    max_sheets: Annotated[int | None, typer.Option(min=1, help="Only the first N securities.")] = None,
    header_row: Annotated[int | None, typer.Option(min=1, help="Row of a workbook's header, from 1.")] = None,
    securities: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    config: Annotated[
        str | None,
        typer.Option(help="Parameters per security, JSON or YAML. [default: configs/STRATEGY_config.json]"),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE for all securities, or SECURITY.KEY=VALUE for one."),
    ] = None,
    strategy_path: Annotated[
        list[str] | None, typer.Option(help="File or folder of strategies that are not installed.")
    ] = None,
    output_dir: Annotated[str | None, typer.Option(help="Where results go. [default: output/STRATEGY]")] = None,
    chunk_size: Annotated[int, typer.Option(min=1, help="Rows a handler gets at a time.")] = 100_000,
    only_trades: Annotated[bool, typer.Option("--only-trades", help="Leave out bids and asks.")] = False,
    start_date: Annotated[str | None, typer.Option(help="First date, YYYY-MM-DD.")] = None,
    end_date: Annotated[str | None, typer.Option(help="Last date, YYYY-MM-DD, inclusive.")] = None,
    serial: Annotated[bool, typer.Option("--serial", help="One after the other in this process, no Dask.")] = False,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler that is already there.")] = None,
    dashboard: Annotated[bool, typer.Option(help="Start the Dask dashboard.")] = True,
    progress: Annotated[Progress, typer.Option(help="How progress is shown.")] = Progress.auto,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="The same as --progress none.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failure.")] = False,
    rerun: Annotated[bool, typer.Option("--rerun", help="Replace the results in the output folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")] = False,
) -> None:
    """Run a strategy over every security, in parallel, and keep the results."""
    from dbatch.batch import RunRequest, make_plan
    from dbatch.batch import run as run_batch
    from dbatch.config.overrides import parse_overrides
    from dbatch.engine.execute import Execution
    from dbatch.errors import UsageError
    from dbatch.model import Window

    window = Window(_day("--start-date", start_date), _day("--end-date", end_date), only_trades)
    if window.start_day is not None and window.end_day is not None and window.start_day > window.end_day:
        raise UsageError(f"--start-date {start_date} lies after --end-date {end_date}")
    request = RunRequest(
        strategy=strategy,
        data=data,
        securities=None if securities is None else [name.strip() for name in securities.split(",") if name.strip()],
        max_sheets=max_sheets,
        header_row=header_row,
        config=config,
        overrides=parse_overrides(assignments or []),
        strategy_paths=strategy_path or (),
        output_dir=output_dir,
        chunk_rows=chunk_size,
        window=window,
        execution=Execution(workers, serial, scheduler, dashboard),
        fail_fast=fail_fast,
        rerun=rerun,
    )
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


def _day(option: str, text: str | None) -> int | None:
    from datetime import date

    from dbatch.errors import UsageError

    if text is None:
        return None
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is not a date such as 2025-04-14") from error


def _stop_on_signals() -> None:
    """Make the first signal stop the run in good order, and a second one at once."""
    from dbatch.errors import Interrupted

    heard: list[int] = []

    def stop(number: int, frame: Any) -> None:
        heard.append(number)
        if len(heard) > 1:
            _leave_at_once(number)
        os.write(2, b"stopping; finished jobs are kept (once more stops at once)\n")
        raise Interrupted(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


def _leave_at_once(number: int) -> None:
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it was quicker
            child.kill()
    os._exit(128 + number)


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
    kind = request.execution.kind(plan.compiled)
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
    counts = ", ".join(f"{count} {status}" for status, count in sorted(outcome.counts.items()))
    place = "" if outcome.fault is not None or not (good or failed) else f"; results in {outcome.output_dir}"
    typer.echo(f"{counts}; {fills:,} fills, realized P&L {pnl:,.2f}{place}", err=True)
    if fills == 0 and good and request.window.only_trades:
        typer.echo("note: no fills; --only-trades hides the quotes that this strategy may need", err=True)
    if outcome.fault is not None:
        typer.echo(f"error: {outcome.fault}", err=True)
    if outcome.interrupted is not None or outcome.fault is not None:
        typer.echo(f"what is finished is kept; go on with: {_command_line()}", err=True)


def _command_line() -> str:
    import shlex

    return shlex.join(["dbatch", *(word for word in sys.argv[1:] if word != "--rerun")])
