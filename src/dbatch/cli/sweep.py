"""`dbatch sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.batch import Start, begin, takes_start
from dbatch.cli.batch_options import takes_batch_options
from dbatch.cli.sweep_options import Swept, takes_sweep

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions
    from dbatch.config.asked import Check
    from dbatch.config.batch_file import BatchFile

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("sweep")
@takes_batch_options()
@takes_sweep()
@takes_start
def sweep(
    *,
    strategy: Annotated[list[str], typer.Option("--strategy", "-s", help="Name of a strategy; several may be given.")],
    swept: Swept,
    start: Start,
    options: BatchOptions,
) -> None:
    """Run a strategy over all combinations of values, or over random ones: a batch in one line."""

    def load(check: Check) -> BatchFile:
        from dbatch.config.sweep import sweep_batch

        return sweep_batch(strategy, swept.grid, most=swept.most, fields=swept.fields | start.changes, check=check)

    begin(load, options, start)
