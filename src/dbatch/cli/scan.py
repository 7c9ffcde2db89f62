"""`dbatch scan`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli import options
from dbatch.cli.output import Output, put
from dbatch.cli.show import Format
from dbatch.cli.sweep_options import Swept, takes_sweep
from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    import pyarrow as pa

    from dbatch.batch.scanning import Scan
    from dbatch.results.objective import Objective

_FEW = 20
_INTERRUPTED = 130

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("scan")
@takes_sweep("chunk_size")
def scan(
    *,
    strategy: Annotated[str, typer.Option("--strategy", "-s", help="Name of a compiled strategy.")],
    swept: Swept,
    workers: options.Workers = None,
    objective: Annotated[
        str, typer.Option(metavar="METRIC", help="Which rows are best: sharpe, return, drawdown, any metric.")
    ] = "sharpe",
    top: Annotated[
        int | None,
        typer.Option(min=0, help="So many rows, the best first; 0: all, by run. [default: 20 of table and md]"),
    ] = None,
    form: Annotated[Format, typer.Option("-f", "--format", help="How rows are written.")] = Format.table,
    output: Output = None,
) -> None:
    """Compute the metrics of all combinations of values at once, in memory: nothing is kept but the table."""
    from dbatch.batch.check_file import FileCheck
    from dbatch.batch.scanning import scan as scanned
    from dbatch.batch.setups import Setups
    from dbatch.config.sweep import sweep_batch
    from dbatch.results.objective import objective_of

    best_by = objective_of(objective)
    setups = Setups()
    batch = sweep_batch(strategy, swept.grid, most=swept.most, fields=swept.fields, check=FileCheck(setups))
    try:
        found = scanned(batch, setups, workers)
    except KeyboardInterrupt:
        typer.echo("interrupted: a scan keeps nothing; 'dbatch sweep' keeps every finished run", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    few = (_FEW if form in (Format.table, Format.md) else None) if top is None else top or None
    _print(found.table if few is None else found.best(best_by, few), form, output)
    statuses = Counter(found.table.column("status").to_pylist())
    for line in _lines(found, best_by, statuses):
        typer.echo(escaped(line), err=True)
    if set(statuses) - {"success"}:
        raise typer.Exit(1)


def _print(rows: pa.Table, form: Format, output: Path | None) -> None:
    from dbatch.looking.formats import FORMATS, aligned

    put(aligned(rows) if form is Format.table else FORMATS[form](rows), output, binary=form is Format.parquet)


def _lines(found: Scan, objective: Objective, statuses: Counter[str]) -> list[str]:
    """Return what to say of a scan beside its rows."""
    told = ", ".join(f"{'ok' if status == 'success' else status} {count:,}" for status, count in statuses.most_common())
    lines = [f"{found.runs:,} runs in {found.seconds:.1f} s: {told}"]
    best = found.best(objective, 1).to_pylist()
    if best:
        row = best[0]
        values = {name.removeprefix("param."): value for name, value in row.items() if name.startswith("param.")}
        what = " ".join(f"{name}={value}" for name, value in values.items()) or f"run {row['run']}"
        lines.append(f"best by {objective.name}: {what} over {row['security']}, {row[found.column_of(objective)]:,.6g}")
    faults = Counter(error for error in found.table.column("error").to_pylist() if error)
    lines += [f"{count:,} rows: {error}" for error, count in faults.most_common(3)]
    lines.append(f"kept nowhere, and no statistic knows of it: give 'dbatch stats' --prior-trials {found.runs}")
    return lines
