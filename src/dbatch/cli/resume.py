"""`dbatch resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.batch_options import AsJson, DryRun, NoProgress, ProgressStyle, takes_batch_options
from dbatch.cli.batch_outcome import carried_out, print_plan
from dbatch.cli.progress import Progress

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("resume")
@takes_batch_options("rerun", "runs", "tags", "priority")
def resume(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The batch's folder.")],
    dry_run: DryRun = False,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: AsJson = False,
    *,
    options: BatchOptions,
) -> None:
    """Go on with a batch: what is finished stays finished, the rest is computed."""
    from dbatch.batch.stored import stored_batch

    stored = stored_batch(folder)
    chosen = stored.with_stored(options)
    if dry_run:
        print_plan(lambda: stored.plan(chosen), chosen, as_json=as_json)
        return
    style = Progress.none if no_progress else progress
    raise typer.Exit(carried_out(lambda: stored.plan(chosen), chosen, style, as_json=as_json))
