"""What commands that carry out a batch have in common: signals, the plan in words, how it ended."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dbatch.cli.batch_progress import batch_observer, counts_text, duration_text
from dbatch.cli.progress import Progress
from dbatch.cli.run import stdout_kept_for_data
from dbatch.cli.signals import leave_at_once, on_signals
from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.batch.carry_out import BatchOutcome
    from dbatch.batch.forecast import Forecast
    from dbatch.batch.options import BatchOptions
    from dbatch.batch.plan import BatchPlan
    from dbatch.engine.control import Control


def carried_out(
    make_plan: Callable[[], BatchPlan],
    options: BatchOptions,
    style: Progress,
    *,
    as_json: bool,
    redo: Collection[str] = (),
) -> int:
    """Carry out the batch that `make_plan` returns, say how it ended, and return the exit code."""
    from dbatch.batch.carry_out import carry_out
    from dbatch.engine.control import Control

    control = Control(options.grace)
    folder: Path | None = None
    drain_on_signals(control, lambda: _go_on(folder), alarm=options.execution.serial)
    with stdout_kept_for_data():
        plan = make_plan()
        folder = plan.output_dir
        outcome = carry_out(plan, options, batch_observer(style), control, redo=redo)
    _print_outcome(outcome, as_json=as_json)
    return outcome.exit_code


def print_plan(make_plan: Callable[[], BatchPlan], options: BatchOptions, *, as_json: bool) -> None:
    """Print what would be done, and that nothing was."""
    from dbatch.batch.forecast import forecast

    with stdout_kept_for_data():
        plan = make_plan()
        expected = forecast(plan, options)
    if as_json:
        typer.echo(json.dumps(expected.as_json()))
        return
    for note in plan.notes:
        typer.echo(f"note: {note}", err=True)
    for line in _plan_lines(expected):
        typer.echo(line)


def _plan_lines(expected: Forecast) -> list[str]:
    lines = [
        f"batch     {expected.name}",
        f"output    {expected.output_dir}",
        f"runs      {expected.runs:,}",
        f"jobs      {expected.jobs:,}"
        + (f" ({expected.distinct:,} distinct)" if expected.distinct < expected.jobs else ""),
        f"done      {expected.done:,} jobs" + (f", {expected.failed:,} of them failed" if expected.failed else ""),
        f"units     about {expected.units:,} tasks, {expected.slots} at a time, jobs {expected.where}",
        f"time      about {duration_text(expected.seconds)} ({expected.basis})",
        f"memory    about {expected.memory_mb:,.0f} MB",
        f"disk      about {expected.disk_mb:,.0f} MB, {expected.free_mb:,.0f} MB are free",
    ]
    lines += [f"stale     {expected.stale}"] if expected.stale else []
    lines += [f"  {strategy}: {count:,} runs over {securities}" for strategy, count, securities in expected.strategies]
    return [*lines, "nothing was run"]


def _print_outcome(outcome: BatchOutcome, *, as_json: bool) -> None:
    folder = _shown(outcome.output_dir)
    if as_json:
        facts: dict[str, Any] = {
            "schema": "dbatch.batch_outcome/1",
            "output_dir": str(outcome.output_dir),
            "runs": outcome.runs,
            "jobs": outcome.jobs,
            "computed": outcome.computed,
            "interrupted": outcome.interrupted,
            "fault": outcome.fault,
            "stopped": outcome.stopped,
            "best": outcome.best,
            "exit_code": outcome.exit_code,
        }
        typer.echo(json.dumps(facts))
    runs = sum(outcome.runs.values())
    typer.echo(f"{runs:,} runs: {counts_text(outcome.runs)}; results in {folder}", err=True)
    if outcome.best is not None:
        typer.echo(_best_text(outcome.best), err=True)
    if outcome.fault is not None:
        typer.echo(f"error: {outcome.fault}", err=True)
    if outcome.stopped is not None:
        typer.echo(f"stopped: {outcome.stopped}", err=True)
    if outcome.jobs.get("cancelled") or outcome.interrupted is not None or outcome.fault is not None:
        typer.echo(_go_on(outcome.output_dir), err=True)
    if set(outcome.jobs) - {"success", "cancelled", "skipped"}:
        quoted = shlex.quote(folder)
        typer.echo(f"causes: dbatch logs {quoted} --failed; again: dbatch retry {quoted}", err=True)


def _best_text(best: Mapping[str, Any]) -> str:
    if best["run_id"] is None:
        return f"best by {best['objective']}: no run has one"
    values = ", ".join(f"{name} {value}" for name, value in best["parameters"].items())
    return escaped(f"best by {best['objective']}: {best['run_id']}, {best['column']} {best['value']:.6g} ({values})")


def _go_on(folder: Path | None) -> str:
    """Return how a batch that was stopped goes on, for one that was not planned yet that nothing was done."""
    if folder is None:
        return "nothing was done"
    return f"what is finished is kept; go on with: dbatch resume {shlex.quote(_shown(folder))}"


def _shown(folder: Path) -> str:
    """Return a folder as seen from the working folder, where that is shorter."""
    try:
        relative = os.path.relpath(folder)
    except ValueError:  # another drive of Windows
        return str(folder)
    return relative if len(relative) < len(str(folder)) else str(folder)


def drain_on_signals(control: Control, go_on: Callable[[], str], *, alarm: bool) -> None:
    """Make the first signal end the batch in good order, and a second one at once; `go_on` says what to do then.

    With `alarm` the job under way runs in this process and cannot be left behind: it is broken off in its place when
    the time for a good end is over (not on Windows).
    """
    from dbatch.errors import Interrupted

    heard: list[int] = []

    def break_off(*_: object) -> None:
        if control.listening:
            raise Interrupted(heard[0])

    def hear(number: int) -> None:
        heard.append(number)
        if len(heard) > 1:
            os.write(2, f"stopped; {go_on()}\n".encode())
            leave_at_once(number)
        if not control.listening:
            raise Interrupted(number)
        text = f"stopping: jobs under way may end within {control.grace:g} s, all that is finished is kept"
        os.write(2, f"{text} (once more stops at once)\n".encode())
        control.drain(number)
        if alarm and hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, break_off)
            signal.setitimer(signal.ITIMER_REAL, max(control.grace, 1e-3))

    on_signals(hear)
