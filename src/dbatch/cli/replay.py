"""`dbatch replay`: one job of a finished run, once more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.run import stdout_kept_for_data

if TYPE_CHECKING:
    from dbatch.replay import ReplayReport
    from dbatch.replay.report import InputCheck, Outcome

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("replay")
def replay(
    run_dir: Annotated[Path, typer.Argument(help="The output folder of the run.")],
    security: Annotated[str, typer.Argument(help="One of its securities.")],
    params: Annotated[
        list[str] | None,
        typer.Option("--params", help="KEY=VALUE or SECURITY.KEY=VALUE, in place of the run's; as --set of a run."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Where its data is now. [default: where the run read it]")] = None,
    strategy_path: Annotated[
        list[str] | None, typer.Option(help="Where its strategy is now. [default: where the run found it]")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Replay no event after this time, 'YYYY-MM-DD HH:MM:SS' or a date.")
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="A .parquet or .csv file for the state after each event.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Where the trace begins. [default: at the start]")] = None,
    debug: Annotated[
        bool, typer.Option("--pdb", help="Open pdb where the job fails; with --until, before the last events.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
) -> None:
    """Carry out SECURITY of the run in RUN_DIR again, serially, and compare: 0 equal, 3 not, 1 it failed again."""
    from dbatch.config.overrides import parse_overrides
    from dbatch.errors import ConfigError
    from dbatch.replay import replay as replay_job

    try:
        overrides = parse_overrides(params or [])
    except ConfigError as error:
        raise ConfigError("--params", error.faults) from error
    with stdout_kept_for_data():
        report = replay_job(
            run_dir,
            security,
            params=overrides,
            data=data,
            strategy_paths=strategy_path or (),
            until=until,
            start=start,
            trace=trace,
            debug=debug,
            say=lambda text: typer.echo(f"note: {text}", err=True),
        )
    if as_json:
        import json

        typer.echo(json.dumps(report.as_json()))
    for line in report_lines(report):
        typer.echo(line, err=True)
    raise typer.Exit(exit_code(report))


def exit_code(report: ReplayReport) -> int:
    """Return 0 where the job ended as it did, 1 where it failed as it did, 3 where not."""
    if report.trace is not None and not report.trace.equal:
        return 3
    return {"equal": 0, "not reached": 0, "failed again": 1, "differs": 3}[report.verdict]


def report_lines(report: ReplayReport) -> list[str]:
    """Return the report for people; what was found comes last."""
    lines = [f"job         {report.strategy}/{report.security}, run of {report.started_at[:19].replace('T', ' ')}"]
    lines += [f"{check.name:10}  {_check_text(check)}" for check in report.inputs]
    lines += [f"note: {note}" for note in report.notes]
    if report.trace is not None:
        same = f"tracing {'did not change' if report.trace.equal else 'CHANGED'} the result"
        lines.append(f"trace: {report.trace.rows:,} events in {report.trace.path}; {same}")
    return [*lines, *_verdict_lines(report)]


def _check_text(check: InputCheck) -> str:
    if check.same:
        return "same"
    why = f" ({check.why})" if check.why else ""
    return f"differs: then {check.then}, now {check.now}{why}"


def _verdict_lines(report: ReplayReport) -> list[str]:
    then, now = report.then, report.now
    until = f" up to {report.until}" if report.until else ""
    if report.verdict == "equal":
        return [f"equal: {_fills(now)}{until}, digest {now.digest[:12]}"]
    if report.verdict == "failed again":
        return [now.details.rstrip(), f"failed again, in the same way: {now.status}: {now.error}"]
    if report.verdict == "not reached":
        return [f"no failure{until}; the run's came later: {then.status}: {then.error}"]
    lines = [now.details.rstrip()] if now.details else []
    lines += [f"differs{until}", f"  then  {_ending(then)}", f"  now   {_ending(now)}"]
    if report.difference is not None:
        which = report.difference
        lines.append(f"first difference, {which.place}")
        lines += [f"  {side}  {one or 'none'}" for side, one in (("then", which.then), ("now ", which.now))]
    return lines


def _ending(outcome: Outcome) -> str:
    if outcome.status == "success":
        return f"{_fills(outcome)}, digest {outcome.digest[:12]}"
    return f"{outcome.status}: {outcome.error}"


def _fills(outcome: Outcome) -> str:
    return f"{outcome.fills:,} fill{'s' * (outcome.fills != 1)}"
