"""`dbatch sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbatch.cli.output import Output, put
from dbatch.cli.show import Format

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("sql")
def sql(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
    question: Annotated[str, typer.Argument(metavar="SELECT", help="Over the tables runs, jobs, daily and fills.")],
    form: Annotated[Format, typer.Option("-f", "--format", help="How rows are written.")] = Format.table,
    output: Output = None,
) -> None:
    """Ask a batch in SQL (DuckDB): tables runs, jobs, daily (P&L by day) and fills (those kept)."""
    from dbatch.looking.formats import FORMATS, aligned
    from dbatch.looking.sql import ask

    answer = ask(folder, question)
    write = aligned if form is Format.table else FORMATS[form]
    put(write(answer), output, binary=form is Format.parquet)
