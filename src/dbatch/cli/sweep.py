"""`dbatch sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dbatch.cli import options as common
from dbatch.cli.batch import begin
from dbatch.cli.batch_options import (
    AsJson,
    DryRun,
    HoldoutFrom,
    Name,
    NoProgress,
    OutputRoot,
    ProgressStyle,
    takes_batch_options,
)
from dbatch.cli.progress import Progress

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.config.asked import Check
    from dbatch.config.batch_file import BatchFile

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("sweep")
@takes_batch_options()
def sweep(
    options: BatchOptions,
    strategy: Annotated[list[str], typer.Option("--strategy", "-s", help="Name of a strategy; several may be given.")],
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V,V,..", help="Values of a parameter: a list, FIRST..LAST:STEP, uniform(LOW,HIGH)."),
    ] = None,
    random: Annotated[int | None, typer.Option(min=1, metavar="N", help="That many runs, chosen at random.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of what is random.")] = None,
    data: common.Data = None,
    securities: common.Securities = None,
    max_sheets: common.MaxSheets = None,
    header_row: common.HeaderRow = None,
    bars: common.Bars = None,
    config: common.Config = None,
    assignments: common.Assignments = None,
    strategy_path: common.StrategyPath = None,
    chunk_size: Annotated[int | None, typer.Option(min=1, help="Rows a handler gets at a time.")] = None,
    only_trades: common.OnlyTrades = False,
    start_date: common.StartDate = None,
    end_date: common.EndDate = None,
    commission_bps: common.CommissionBps = None,
    commission_per_share: common.CommissionPerShare = None,
    commission_min: common.CommissionMin = None,
    holdout: HoldoutFrom = None,
    output_root: OutputRoot = None,
    name: Name = None,
    dry_run: DryRun = False,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: AsJson = False,
) -> None:
    """Run a strategy over all combinations of values, or over random ones: a batch in one line."""
    from dbatch.config.overrides import parse_overrides

    arguments: dict[str, Any] = {
        "data": data,
        "securities": securities,
        "max_sheets": max_sheets,
        "header_row": header_row,
        "bars": bars,
        "config": config,
        "strategy_path": strategy_path,
        "chunk_size": chunk_size,
        "only_trades": only_trades or None,
        "start_date": start_date,
        "end_date": end_date,
        "commission_bps": commission_bps,
        "commission_per_share": commission_per_share,
        "commission_min": commission_min,
    }
    base_args = {key: value for key, value in arguments.items() if value is not None}
    base_args |= parse_overrides(list(assignments or ()))

    def load(check: Check) -> BatchFile:
        from dbatch.config.sweep import sweep_batch

        given = {"seed": seed, "holdout": holdout}
        fields = {"base_args": base_args} | {key: value for key, value in given.items() if value is not None}
        return sweep_batch(strategy, grid or (), most=random, fields=fields, check=check)

    style = Progress.none if no_progress else progress
    begin(load, name, output_root, options, dry_run=dry_run, style=style, as_json=as_json)
