"""Rows of a batch chosen, sorted and cut, with expressions that can look at columns and nothing else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from dbatch.errors import UsageError
from dbatch.looking.formats import printable
from dbatch.looking.tables import PARAMETER, Tables
from dbatch.results.columns import table_of

SHUT_IN: Final = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
}
"""What keeps DuckDB from files, networks, extensions and the variables of this process."""

_UNKNOWN: Final = re.compile(r'column "?(?P<name>[^"\n]+?)"? (?:not found|does not exist|was not found)')
_PLACE: Final = "__place"


@dataclass(frozen=True)
class Choice:
    """Which rows and columns are asked for.

    `where` is an SQL expression over the columns. `sort_by` are names, with a minus before them the largest first;
    missing values come last either way, and rows that are equal stay in their order. `top` rows are taken (None: all).
    `columns` are names in the order wanted (None: all).
    """

    where: str | None = None
    sort_by: Sequence[str] = ()
    top: int | None = None
    columns: Sequence[str] | None = None


def runs_table(tables: Tables) -> pa.Table:
    """Return a row per run: the columns of `batch_summary`, the parameters that vary, and statistics if stored."""
    varying = [name for name in tables.jobs.column_names if name.startswith(PARAMETER)]
    runs = _joined(tables.runs, tables.jobs, varying)
    if tables.statistics is not None:
        further = [name for name in tables.statistics.column_names if name not in runs.column_names]
        runs = _joined(runs, tables.statistics, further)
    return runs


def _joined(runs: pa.Table, others: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return `runs` with the columns `names` of the first row of each run in `others`."""
    first: dict[str, int] = {}
    for place, run_id in enumerate(others.column("run_id").to_pylist() if names else ()):
        first.setdefault(run_id, place)
    places = [first.get(run_id) for run_id in runs.column("run_id").to_pylist()] if names else []
    of_runs = table_of({"place": places}, {"place": "int"}).column("place")
    for name in names:
        runs = runs.append_column(name, others.column(name).take(of_runs))
    return runs


def choose(table: pa.Table, choice: Choice) -> tuple[pa.Table, int]:
    """Return the rows and columns of `table` that `choice` asks for, and how many rows there were before the cut.

    A parameter may be called by its own name where no column has it. Raises UsageError for columns that are not there,
    and for an expression that is none.
    """
    names = _names(table)
    wanted = (
        [_known("--columns", name, names) for name in choice.columns] if choice.columns else range(table.num_columns)
    )
    order = [_order(text, names) for text in choice.sort_by]
    plain = table.rename_columns([_column(place) for place in range(table.num_columns)])
    with _connected(rows=plain) as connection:
        rows = connection.sql(f"select *{_aliases(names)}, row_number() over () as {_PLACE} from rows")
        if choice.where is not None:
            rows = _filtered(rows, choice.where, names)
        found = rows.aggregate("count(*)").fetchall()[0][0]
        rows = rows.order(", ".join([*order, _PLACE]))
        if choice.top is not None:
            rows = rows.limit(choice.top)
        chosen = rows.project(", ".join(map(_column, wanted))).to_arrow_table()
    return chosen.rename_columns([table.column_names[place] for place in wanted]), found


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier, whatever stands in it.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def unknown_column(place: str, name: str, known: Sequence[str]) -> UsageError:
    """Return the error that says `name` is no column, and which one may be meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {printable(', '.join(known))}"
    return UsageError(f"{place}: no column {name!r}; {hint}")


def one_line(error: Exception) -> str:
    """Return what DuckDB says without the excerpt that follows."""
    return " ".join(str(error).partition("\n\n")[0].split())


@contextmanager
def _connected(**tables: pa.Table) -> Iterator[Any]:
    import duckdb

    with duckdb.connect(config=dict(SHUT_IN)) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        yield connection


def _names(table: pa.Table) -> dict[str, int]:
    """Return the place of each column by the names it may be called: its own, a parameter's without its beginning."""
    names: dict[str, int] = {}
    for place, name in enumerate(table.column_names):
        names.setdefault(name, place)
    taken = {name.lower() for name in names}  # SQL knows no case
    for place, name in enumerate(table.column_names):
        bare = name.removeprefix(PARAMETER)
        if bare.lower() not in taken:
            names[bare] = place
            taken.add(bare.lower())
    return names


def _column(place: int) -> str:
    """Return what a column is called while it is in the database: a name in a batch may be one that no database has."""
    return f"__{place}"


def _aliases(names: dict[str, int]) -> str:
    """Return the names that an expression may call columns by, as further columns."""
    distinct: dict[str, str] = {}
    for name, place in names.items():
        if name and name.isprintable():
            distinct.setdefault(name.lower(), f", {_column(place)} as {quoted(name)}")
    return "".join(distinct.values())


def _known(place: str, name: str, names: dict[str, int]) -> int:
    if name not in names:
        raise unknown_column(place, name, list(names))
    return names[name]


def _order(text: str, names: dict[str, int]) -> str:
    falls = text.startswith("-") and text not in names
    column = _column(_known("--sort-by", text.removeprefix("-") if falls else text, names))
    return f"{column} {'desc' if falls else 'asc'} nulls last"


def _filtered(rows: Any, where: str, names: dict[str, int]) -> Any:
    import duckdb

    try:
        chosen = rows.filter(f"({where}\n)")  # a comment at its end must not swallow the bracket
        chosen.limit(1).fetchall()  # what cannot be computed fails here, and not in the output
    except duckdb.Error as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown is not None:
            raise unknown_column("--where", unknown["name"], list(names)) from error
        raise UsageError(f"--where {where!r}: {one_line(error)}") from error
    return chosen
