"""`dbatch gc`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbatch.cli import options
from dbatch.cli.upkeep_text import size_text

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("gc")
def gc(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR...]", help="Folders of batches or runs.")
    ] = None,
    cache: Annotated[bool, typer.Option("--cache", help="The cache of compiled loops and converted data too.")] = False,
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="Of the cache, what was not used for so long.")
    ] = "30d",
    max_size: Annotated[str, typer.Option(metavar="SIZE", help="Of the cache, the oldest beyond that.")] = "5GiB",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove what no result needs: parts that no receipt speaks of, unfinished files, old things in the cache."""
    from dbatch.errors import UsageError
    from dbatch.upkeep.gc import collect_cache, collect_folder

    if not folders and not cache:
        raise UsageError("nothing to look at: name the folder of a batch, or --cache")
    seconds = options.seconds_of("--older-than", older_than) or 0.0
    size = options.bytes_of("--max-size", max_size) or 0
    freed = []
    for folder in folders or ():
        freed += collect_folder(folder, dry_run=dry_run)
    if cache:
        freed += collect_cache(older_than=seconds, max_size=size, dry_run=dry_run)
    for one in freed:
        if one.count:
            typer.echo(f"{one.place}: {one.count:,} {one.what}, {size_text(one.size)}")
        if one.kept:
            typer.echo(f"{one.place}: kept: {one.kept}", err=True)
    total = size_text(sum(one.size for one in freed))
    typer.echo(f"{'would free' if dry_run else 'freed'} {total}", err=True)
