"""`dbatch convert-excel`: a workbook to one Parquet file per security."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbatch.data.convert import ConversionOutcome

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("convert-excel")
def convert_excel(
    workbook: Annotated[Path, typer.Argument(help="The .xlsx file, one sheet per security.")],
    output_dir: Annotated[Path, typer.Option(help="Folder for the Parquet files.")] = Path("data/parquet"),
    force: Annotated[bool, typer.Option("--force", help="Convert also what is up to date.")] = False,
    max_sheets: Annotated[int | None, typer.Option(min=1, help="Only the first N securities.")] = None,
    header_row: Annotated[
        int | None, typer.Option(min=1, max=1_048_576, help="The header's row, from 1; found by itself.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Sheets read at a time. [default: one a core, as long as 1 GB is enough]"),
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort by time; equal times keep their order.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on standard output.")] = False,
) -> None:
    """Convert WORKBOOK to one Parquet file per security, and report the quality of each."""
    from dbatch.data.convert import convert_workbook

    try:
        with _progress() as on_done:
            outcomes = convert_workbook(
                workbook,
                output_dir,
                force=force,
                max_sheets=max_sheets,
                header_row=header_row,
                sort=sort,
                workers=workers,
                on_done=on_done,
            )
    except KeyboardInterrupt:
        typer.echo("interrupted; finished securities are kept, the same command goes on", err=True)
        raise typer.Exit(130) from None
    if as_json:
        securities = [outcome.to_json() for outcome in outcomes]
        print(json.dumps({"schema": "dbatch.convert-excel/1", "workbook": str(workbook), "securities": securities}))
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    current = sum(outcome.status == "up to date" for outcome in outcomes)
    made = len(outcomes) - failed - current
    typer.echo(f"{made} converted, {current} up to date, {failed} failed, in {output_dir}", err=True)
    raise typer.Exit(1 if failed else 0)


@contextmanager
def _progress() -> Iterator[Callable[[ConversionOutcome, int, int], None]]:
    """Yield what to call after each security: it prints the report, above a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda outcome, done, total: _print_outcome(outcome, lambda line: typer.echo(line, err=True))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("converting", total=None)

        def show(outcome: ConversionOutcome, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            _print_outcome(outcome, console.print)

        yield show


def _print_outcome(outcome: ConversionOutcome, write: Callable[[str], None]) -> None:
    from dbatch.cli.quality_text import report_lines
    from dbatch.data.names import shown

    if outcome.status == "failed":
        write(f"{shown(outcome.security)}: failed: {outcome.error}")
    elif outcome.status == "up to date":
        write(f"{shown(outcome.security)}: up to date ({outcome.target})")
    elif outcome.report is not None:
        for line in report_lines(outcome.report):
            write(line)
