"""`dbatch null-test`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli import options as common
from dbatch.cli.batch_options import Name, NoProgress, OutputRoot, ProgressStyle, takes_batch_options
from dbatch.cli.progress import Progress

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.statistics.null_test import Cries

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("null-test")
@takes_batch_options("runs", "merge", "tags", "priority", "fills", "objective", "accept_stale", "rerun_stale")
def null_test(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A batch: its days are drawn anew, its skill taken away.")
    ] = None,
    data: common.Data = None,
    securities: common.Securities = None,
    start_date: common.StartDate = None,
    end_date: common.EndDate = None,
    repeats: Annotated[int | None, typer.Option(min=10, help="How often. [default: 200, with --data 20]")] = None,
    trials: Annotated[int, typer.Option(min=2, help="With --data: random runs to choose the best from.")] = 50,
    prior_trials: Annotated[
        int | None, typer.Option(min=0, help="Of a batch: trials made elsewhere. [default: as 'dbatch stats' was told]")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the days drawn. [default: of the jobs]")] = None,
    output_root: OutputRoot = None,
    name: Name = None,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the shares as JSON.")] = False,
    *,
    options: BatchOptions,
) -> None:
    """Say how often the statistics would have cried success without any skill: over a batch, or random entries."""
    from dbatch.errors import UsageError

    if (folder is None) == (data is None):
        raise UsageError("null-test: name the folder of a batch, or --data for random entries over it")
    if folder is not None:
        from dbatch.statistics.null_of_batch import permuted
        from dbatch.statistics.written import prior_trials as prior

        found = permuted(folder, prior_trials=prior(folder, prior_trials), seed=seed, repeats=repeats or 200)
        what = "the batch, its days drawn anew without their mean"
    else:
        base_args = {"data": data, "securities": securities, "start_date": start_date, "end_date": end_date}
        given = {key: value for key, value in base_args.items() if value is not None}
        style = Progress.none if no_progress else progress
        found = _random(given, options, repeats or 20, trials, output_root, name, style)
        what = "random entries through the whole pipeline"
    if as_json:
        typer.echo(json.dumps(document(found)))
    else:
        typer.echo("\n".join(lines(found, what)))


def _random(
    base_args: dict[str, Any],
    options: BatchOptions,
    repeats: int,
    trials: int,
    output_root: str | None,
    name: str | None,
    style: Progress,
) -> Cries:
    """Carry out a batch of random entries, and return what is found in it; ends the command where a run failed."""
    from dataclasses import replace

    from dbatch.batch.check_file import FileCheck
    from dbatch.batch.plan import BatchPlan, plan_batch, with_name
    from dbatch.batch.random_entries import random_entries
    from dbatch.batch.setups import Setups
    from dbatch.cli.batch_outcome import carried_out
    from dbatch.statistics.null_of_batch import grouped

    chosen = replace(options, fills="none")
    made: list[Path] = []

    def plan() -> BatchPlan:
        setups = Setups()
        loaded = random_entries(repeats * trials, base_args, check=FileCheck(setups))
        root = None if output_root is None else Path(output_root)
        planned = plan_batch(with_name(loaded, name, root), chosen, setups=setups)
        made.append(planned.output_dir)
        return planned

    code = carried_out(plan, chosen, style, as_json=False)
    if code:
        raise typer.Exit(code)
    return grouped(made[0], group=trials)


def document(found: Cries) -> dict[str, Any]:
    """Return the shares as JSON has them."""
    facts = {key: value for key, value in vars(found).items() if key != "best_sharpe"}
    return {"schema": "dbatch.null_test/1", **facts, "reached": found.reached}


def lines(found: Cries, what: str) -> list[str]:
    """Return the shares for people."""
    counted = f"{found.trials:,} trials counted"
    text = [
        f"{found.repeats:,} x the best of {found.runs:,} runs over {found.days:,} days, {counted}: {what}",
        "success is cried without skill by",
        f"  a probabilistic Sharpe ratio above 95 %     {_share(found.psr)}  as if it had been the only trial",
        f"  a deflated Sharpe ratio above 95 % (2014)   {_share(found.dsr)}  should be 5 % at most",
        f"  a deflated Sharpe ratio above 95 % (2025)   {_share(found.dsr_2025)}  should be about 5 %",
        f"  any discovery (Benjamini-Hochberg, 5 %)     {_share(found.discovery)}  should be about 5 %",
    ]
    if found.actual_sharpe is not None and found.reached is not None:
        year = 252**0.5 * found.actual_sharpe
        text.append(
            f"the actual best, {year:.2f} a year, is reached without skill in {_share(found.reached).strip()} of them"
        )
    return text


def _share(value: float) -> str:
    return f"{100 * value:6.1f} %"
