"""`dbatch sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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
from dbatch.cli.sweep_options import Swept, takes_sweep

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.config.asked import Check
    from dbatch.config.batch_file import BatchFile

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("sweep")
@takes_batch_options()
@takes_sweep()
def sweep(
    *,
    strategy: Annotated[list[str], typer.Option("--strategy", "-s", help="Name of a strategy; several may be given.")],
    swept: Swept,
    holdout: HoldoutFrom = None,
    output_root: OutputRoot = None,
    name: Name = None,
    dry_run: DryRun = False,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: AsJson = False,
    options: BatchOptions,
) -> None:
    """Run a strategy over all combinations of values, or over random ones: a batch in one line."""

    def load(check: Check) -> BatchFile:
        from dbatch.config.sweep import sweep_batch

        fields = swept.fields | ({} if holdout is None else {"holdout": holdout})
        return sweep_batch(strategy, swept.grid, most=swept.most, fields=fields, check=check)

    style = Progress.none if no_progress else progress
    begin(load, name, output_root, options, dry_run=dry_run, style=style, as_json=as_json)
