"""`dbatch plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("plot")
def plot(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a run, or of a batch and --run.")],
    security: Annotated[str, typer.Argument(metavar="SECURITY", help="Whose fills.")],
    run: Annotated[str | None, typer.Option(metavar="ID", help="Id or number of a run of a batch.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="png, svg or pdf. [default: SECURITY.png]")
    ] = None,
) -> None:
    """Draw the fills of a security over its price, the position and the realised P&L: a picture for a slide."""
    from dbatch.exports.missing import needs
    from dbatch.looking.formats import printable
    from dbatch.looking.plot import place_of
    from dbatch.looking.plot import plot as draw

    with needs("plot", "matplotlib", "plot"):
        path = draw(
            place_of(run_dir, run), security, output, lambda text: typer.echo(f"note: {printable(text)}", err=True)
        )
    typer.echo(printable(str(path)))
