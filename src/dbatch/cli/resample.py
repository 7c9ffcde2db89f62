"""`dbatch resample`: bars made of trades, kept as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("resample")
def resample(
    data: Annotated[str, typer.Argument(help="Workbook, Parquet or CSV file of ticks, or a folder of them.")],
    bars: Annotated[str, typer.Option("--bars", help="Length of a bar: 30s, 5min, 1h, 1d.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Folder for the Parquet files.")],
    securities: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    header_row: Annotated[int | None, typer.Option(min=1, help="Row of a workbook's header, from 1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")] = False,
) -> None:
    """Make bars of the trades in DATA, one Parquet file per security; intervals without trades make no bar."""
    from dbatch.data.bar_write import resample_market
    from dbatch.data.names import shown

    names = None if securities is None else [name.strip() for name in securities.split(",") if name.strip()]
    outcomes = []
    for outcome in resample_market(data, bars, output_dir, securities=names, header_row=header_row):
        outcomes.append(outcome)
        told = f"failed: {outcome.error}" if outcome.error else f"{outcome.bars:,} bars in {outcome.target}"
        typer.echo(f"{shown(outcome.security)}: {told}", err=True)
        for note in outcome.notes:
            typer.echo(f"  {note}", err=True)
    if as_json:
        listed = [
            {"security": one.security, "target": str(one.target), "bars": one.bars, "error": one.error}
            for one in outcomes
        ]
        print(json.dumps({"schema": "dbatch.resample/1", "securities": listed}))
    raise typer.Exit(1 if any(one.error for one in outcomes) else 0)
