"""`dbatch report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The page. [default: DIR/report.html]")
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Id or number of a run of a batch: its fills over the price.")
    ] = None,
) -> None:
    """Write a batch or a run as one HTML file that needs no network: what is best, can it be believed, what failed."""
    from dbatch.one_thread import one_thread_each

    one_thread_each(os.environ)  # before numpy is loaded: its threads wait for each other most of the time
    from dbatch.looking.formats import printable
    from dbatch.report.write import write_report

    typer.echo(printable(str(write_report(folder, output, run=run))))
