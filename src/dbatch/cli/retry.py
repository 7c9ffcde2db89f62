"""`dbatch retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from dbatch.cli.batch_options import AsJson, NoProgress, ProgressStyle, takes_batch_options
from dbatch.cli.batch_outcome import carried_out
from dbatch.cli.progress import Progress

if TYPE_CHECKING:
    from dbatch.batch.options import BatchOptions

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

CAUSES: Final = ("failed", "timeout", "oom", "crashed", "invalid_data", "skipped")


@app.command("retry")
@takes_batch_options("rerun", "runs", "tags", "priority")
def retry(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The batch's folder.")],
    cause: Annotated[
        list[str] | None, typer.Option(help=f"Only jobs that ended so: {', '.join(CAUSES)}; several with commas.")
    ] = None,
    progress: ProgressStyle = Progress.auto,
    no_progress: NoProgress = False,
    as_json: AsJson = False,
    *,
    options: BatchOptions,
) -> None:
    """Do the jobs of a batch that failed once more, and whatever is left of it."""
    from dbatch.batch.stored import stored_batch
    from dbatch.errors import UsageError

    causes = [word.strip() for text in cause or () for word in text.split(",") if word.strip()] or list(CAUSES)
    unknown = [word for word in causes if word not in CAUSES]
    if unknown:
        raise UsageError(f"--cause {unknown[0]}: must be one of {', '.join(CAUSES)}")
    stored = stored_batch(folder)
    chosen = stored.with_stored(options)
    style = Progress.none if no_progress else progress
    raise typer.Exit(carried_out(lambda: stored.plan(chosen), chosen, style, as_json=as_json, redo=causes))
