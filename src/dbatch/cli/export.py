"""`dbatch export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
    to: Annotated[str, typer.Option("--to", metavar="FORM", help="csv, json, parquet, xlsx, sql or mlflow.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="Folder or file. [default: DIR/exports]")
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Database as SQLAlchemy names it, or MLflow's tracking URI.")
    ] = None,
    fills: Annotated[
        str, typer.Option(metavar="all|none|top:N|RUN,..", help="Whose fills go along, of those that were kept.")
    ] = "top:1",
    securities: Annotated[str | None, typer.Option(help="Fills of these alone, separated by commas.")] = None,
    best: Annotated[int, typer.Option(min=1, help="So many runs in the sheet of the best ones.")] = 20,
    options: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="For exporters of other packages.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Take the results of a batch away: for spreadsheets, programs, databases. Twice leaves one copy."""
    from dbatch.exports.export import FORMS
    from dbatch.exports.export import export as take_away

    chosen = None if securities is None else [name.strip() for name in securities.split(",") if name.strip()]
    if to in FORMS:
        made = take_away(folder, to, target=output, url=url, fills=fills, securities=chosen, best=best)
    else:
        from dbatch.batch.exporters import export_with_plugin
        from dbatch.config.overrides import parse_overrides

        made = export_with_plugin(folder, to, url=url, options=parse_overrides(options or []))
    if as_json:
        typer.echo(json.dumps({"schema": "dbatch.export/1", **vars(made)}))
        return
    from dbatch.looking.formats import printable

    for place in made.places:
        typer.echo(printable(place))
    counts = ", ".join(f"{count:,} {what}" for what, count in made.rows.items())
    typer.echo(printable(f"{made.batch_id}: {counts}"), err=True)
