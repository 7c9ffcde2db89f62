"""`dbatch rm`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dbatch.cli.upkeep_text import size_text

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("rm")
def rm(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of batches or runs.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove batches with all their results; what dbatch did not write stays. It asks before, on a terminal."""
    from dbatch.errors import UsageError
    from dbatch.looking.formats import printable
    from dbatch.upkeep.remove import removal, remove

    plans = [removal(folder) for folder in folders]  # a fault in any of them: none is removed
    for plan in plans:
        line = f"{plan.folder}: {plan.name}, {plan.runs:,} runs, {size_text(plan.size)}"
        typer.echo(printable(line), err=True)
    if dry_run:
        typer.echo("nothing was removed", err=True)
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("rm: nobody is there to ask; --yes removes without asking")
        typer.confirm(f"remove {len(plans)} of these for good?", abort=True, err=True)
    for folder in folders:
        for name in remove(folder).left[:5]:
            typer.echo(f"left: {printable(str(folder / name))}", err=True)
    typer.echo(f"removed {len(folders)}", err=True)
