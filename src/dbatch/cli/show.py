"""`dbatch show`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.output import Output, put

if TYPE_CHECKING:
    from dbatch.looking.show import Shown

_FEW = 20

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Format(StrEnum):
    """How rows are written; `table` is for people."""

    table = "table"
    csv = "csv"
    json = "json"
    md = "md"
    parquet = "parquet"


@app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
    jobs: Annotated[bool, typer.Option("--jobs", help="A row per job instead of one per run.")] = False,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Only these rows: \"sharpe > 1 and status = 'success'\".")
    ] = None,
    sort_by: Annotated[
        list[str] | None,
        typer.Option(metavar="[-]COLUMN,..", help="By this column; a minus: largest first. [default: best first]"),
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=0, help="So many rows; 0: all. [default: 20 of table and md, all of others]")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN,..", help="These columns, in this order; all: every one.")
    ] = None,
    form: Annotated[Format, typer.Option("-f", "--format", help="How rows are written.")] = Format.table,
    output: Output = None,
) -> None:
    """Show the runs of a batch, the best first: its summary with the parameters that vary."""
    from dbatch.looking.query import Choice
    from dbatch.looking.show import show as rows_of

    for_people = form in (Format.table, Format.md)
    named = _names(columns)
    most = (_FEW if for_people else None) if top is None else top or None
    choice = Choice(where, _names(sort_by), most, None if named in ([], ["all"]) else named)
    shown = rows_of(folder, choice, jobs=jobs, headline=for_people and not named)
    _print(shown, form, output)
    if not shown.is_final:
        typer.echo("note: the batch has not ended, or its files are not up to date: this is as of now", err=True)
    if len(shown.rows) < shown.found:
        typer.echo(f"{len(shown.rows):,} of {shown.found:,} rows; --top 0 shows all", err=True)


def _print(shown: Shown, form: Format, output: Path | None) -> None:
    from dbatch.looking.formats import FORMATS, aligned, as_json

    if form is Format.json:
        put(as_json(shown.rows, schema="dbatch.show/1", batch=shown.name, found=shown.found), output)
    elif form is not Format.table:
        put(FORMATS[form](shown.rows), output, binary=form is Format.parquet)
    else:
        put(aligned(shown.rows), output)


def _names(texts: list[str] | None) -> list[str]:
    return [name.strip() for text in texts or () for name in text.split(",") if name.strip()]
