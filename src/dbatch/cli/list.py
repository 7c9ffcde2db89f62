"""`dbatch list`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbatch.looking.history import Entry

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

_HEADER = ("started", "name", "state", "runs", "ok", "failed", "best sharpe", "change", "best run", "tags")


@app.command("list")
def list_batches(
    root: Annotated[Path | None, typer.Argument(metavar="[ROOT]", help="Where they lie. [default: output/]")] = None,
    study: Annotated[str | None, typer.Option(help="Only batches of this study, or of a batch file so named.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the batches below a folder, the oldest first, each with its best result and how that changed."""
    from dbatch.looking.formats import printable
    from dbatch.looking.history import history
    from dbatch.upkeep.subject import OUTPUT_ROOT

    entries, faults = history(root or OUTPUT_ROOT, study=study)
    for fault in faults:
        typer.echo(f"note: {printable(fault)}", err=True)
    if as_json:
        typer.echo(json.dumps({"schema": "dbatch.list/1", "batches": [entry.as_json() for entry in entries]}))
    elif entries:
        _print(entries)
    else:
        typer.echo(f"no batch below {root or OUTPUT_ROOT}; 'dbatch list ROOT' looks elsewhere", err=True)


def _print(entries: list[Entry]) -> None:
    from dbatch.cli.strategies import print_table
    from dbatch.looking.formats import printable

    print_table(_HEADER, [tuple(map(printable, _cells(entry))) for entry in entries])


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        (entry.started_at or "-")[:19].replace("T", " "),
        entry.name,
        entry.state,
        f"{entry.runs:,}",
        f"{entry.succeeded:,}",
        f"{entry.unsuccessful:,}",
        "-" if entry.best_sharpe is None else f"{entry.best_sharpe:.4f}",
        "-" if entry.change is None else f"{entry.change:+.4f}",
        entry.best_run or "-",
        ", ".join(entry.tags) or "-",
    )
