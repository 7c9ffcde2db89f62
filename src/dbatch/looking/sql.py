"""Questions to a batch in SQL, answered by DuckDB from its Parquet files; nothing else can be read, nothing written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from dbatch.errors import UsageError
from dbatch.looking.formats import printable
from dbatch.looking.query import SHUT_IN, one_line, quoted, runs_table
from dbatch.looking.tables import Tables, read_tables
from dbatch.results.columns import Kind, table_of
from dbatch.upkeep.parts import damaged_parts
from dbatch.upkeep.subject import reading

_LISTS: Final = re.compile(r"\b(fills|daily)\b", re.IGNORECASE)
_PLACES: Final = """
select p.run, u.run_id, p.security, r.part, r.row from planned p join runs u on u.run = p.run
join receipts r on r.key = p.key where r.status = 'success' order by p.run, p.security
"""
_VIEWS: Final = {
    "daily": "unnest(f.days) as day, unnest(f.daily_pnl) as daily_pnl",
    "fills": "unnest(f.fills, recursive := true)",
}


def ask(folder: Path, question: str) -> pa.Table:
    """Return the answer to `question`, one SELECT over what the batch in `folder` holds.

    `runs` and `jobs` are as `dbatch show` has them; `daily` has the P&L of each job by day, `fills` those that were
    kept. Damaged parts are left out of the last two. Raises UsageError for what is no SELECT or cannot be answered,
    OutputError for a folder without a batch.
    """
    import duckdb

    tables = read_tables(folder)
    wanted = {name.lower() for name in _LISTS.findall(question)}
    places, files = _places(folder) if wanted else (None, [])
    settings = {**SHUT_IN, "lock_configuration": False, "enable_external_access": True}
    with duckdb.connect(config=settings) as connection:
        for name, table in (("runs", runs_table(tables)), ("jobs", tables.jobs)):
            connection.register(name, table.rename_columns(_distinct(table.column_names)))
        connection.execute(f"set allowed_directories = [{_text(str(folder.absolute()))}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        if places is not None:
            connection.register("places", places)
            for name in wanted:
                connection.execute(_view(name, folder, files))
        try:
            _refuse_others(connection, question)
            return connection.sql(question).to_arrow_table()
        except duckdb.Error as error:
            raise UsageError(f"sql: {one_line(error)}; {_hint(tables)}") from error


def _refuse_others(connection: Any, question: str) -> None:
    """Raise UsageError for anything but one SELECT."""
    import duckdb

    statements = connection.extract_statements(question)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError("sql: must be one SELECT; a batch is only read")


def _places(folder: Path) -> tuple[pa.Table, list[str]]:
    """Return where the results of each job lie, and the parts that are as they were published."""
    with reading(folder) as (_, ledger):
        damaged = {damage.part for damage in damaged_parts(folder, ledger)}
        rows = [row for row in ledger.query(_PLACES) if row[3] not in damaged]
    names = ("run", "run_id", "security", "part", "row")
    types: tuple[Kind, ...] = ("int", "text", "text", "text", "int")
    kinds = dict(zip(names, types, strict=True))
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    return table_of(columns, kinds), sorted({row[3] for row in rows})


def _view(name: str, folder: Path, files: list[str]) -> str:
    if not files:
        empty = "null::int as day, null::double as daily_pnl" if name == "daily" else "null as fills"
        return f"create temp view {name} as select run, run_id, security, {empty} from places limit 0"
    root = str(folder.absolute())
    listed = ", ".join(_text(f"{root}/{part}") for part in files)
    parts = f"read_parquet([{listed}], filename = true, file_row_number = true)"
    days = " replace (date '1970-01-01' + day as day)" if name == "daily" else ""
    return (
        f"create temp view {name} as select *{days} from (select p.run, p.run_id, p.security, {_VIEWS[name]} "
        f"from {parts} f join places p on f.filename = {_text(root + '/')} || p.part and f.file_row_number = p.row)"
    )


def _distinct(names: Sequence[str]) -> list[str]:
    """Return `names` as a database takes them: printable, and no two alike but for case."""
    taken: set[str] = set()
    found = []
    for name in map(printable, names):
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        found.append(name)
    return found


def _hint(tables: Tables) -> str:
    columns = ", ".join(quoted(name) for name in tables.runs.column_names[:4])
    return f"there are runs ({columns}, ...), jobs, daily and fills"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
