"""`dbatch data`: what is in files of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbatch.data.check import CheckOutcome

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look at files of events.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def data() -> None:
    """Look at files of events."""


@app.command("check")
def check(
    path: Annotated[str, typer.Argument(help="A workbook, CSV or Parquet file, or a folder of them.")],
    header_row: Annotated[
        int | None, typer.Option(min=1, max=1_048_576, help="The header's row in a workbook, from 1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reports as JSON on standard output.")] = False,
) -> None:
    """Report the quality of each security in PATH, all problems at once; nothing is written."""
    from dbatch.data.bar_check import check_bars
    from dbatch.data.check import check_path
    from dbatch.data.securities import holds_bars

    outcomes = []
    for outcome in (check_bars if holds_bars(path) else check_path)(path, header_row=header_row):
        outcomes.append(outcome)
        _print_outcome(outcome)
    if as_json:
        securities = [outcome.to_json() for outcome in outcomes]
        print(json.dumps({"schema": "dbatch.data-check/1", "path": str(path), "securities": securities}))
    unusable = sum(not outcome.is_usable for outcome in outcomes)
    typer.echo(f"{len(outcomes) - unusable} usable, {unusable} not", err=True)
    raise typer.Exit(1 if unusable else 0)


def _print_outcome(outcome: CheckOutcome) -> None:
    from dbatch.cli.quality_text import report_lines
    from dbatch.data.names import shown

    if outcome.report is None:
        typer.echo(f"{shown(outcome.security)}: unusable: {outcome.error}", err=True)
        return
    for line in report_lines(outcome.report):
        typer.echo(line, err=True)
    if not outcome.is_usable:
        typer.echo("  no usable row", err=True)
