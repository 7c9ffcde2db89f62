"""What `dbatch show` shows: the best of a batch's runs, or any of its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from dbatch.looking.query import Choice, choose, runs_table
from dbatch.looking.tables import read_tables
from dbatch.results.objective import objective_of

_BEST_FIRST: Final = ("dsr", "sharpe")
_OF_RUNS: Final = (
    "run_id",
    "status",
    "dsr",
    "psr",
    "sharpe",
    "sortino",
    "total_pnl",
    "max_dd",
    "max_dd_pct",
    "win_rate",
    "profit_factor",
    "fills",
)
_OF_JOBS: Final = (
    "run_id",
    "security",
    "status",
    "sharpe",
    "sortino",
    "total_pnl",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "trades",
)


@dataclass(frozen=True)
class Shown:
    """Rows to show, how many there were before the cut, and whether the batch's files hold them as they are."""

    name: str
    rows: pa.Table
    found: int
    is_final: bool


def show(folder: Path, choice: Choice, *, jobs: bool = False, headline: bool = False) -> Shown:
    """Return the rows of the runs in `folder`, or of its `jobs`, that `choice` asks for.

    Where it names no order the best come first: by the batch's objective if it has one, else by deflated Sharpe ratio
    if there is one, else by Sharpe ratio. With `headline` it has only the columns that people look at first, where it
    names none, and the error where one of these rows has one. Raises OutputError for a folder without a batch,
    UsageError for a choice that cannot be made.
    """
    tables = read_tables(folder)
    table = tables.jobs if jobs else runs_table(tables)
    asked = (tables.facts.get("options") or {}).get("objective")
    first = [objective_of(asked).order] if asked is not None and not jobs else []
    order = choice.sort_by or first or [f"-{name}" for name in _BEST_FIRST if name in table.column_names]
    short = choice.columns is None and headline
    wanted = [name for name in _OF_JOBS if jobs] or list(_OF_RUNS)
    columns = [name for name in [*wanted, "error"] if name in table.column_names] if short else choice.columns
    rows, found = choose(table, replace(choice, sort_by=order, columns=columns))
    if short and "error" in rows.column_names and rows.column("error").null_count == len(rows):
        rows = rows.drop_columns(["error"])
    return Shown(tables.name, rows, found, tables.is_final)
