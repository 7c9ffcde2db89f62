"""A parcel in tables of an SQL database, beside those of other batches; doing it again leaves one copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from dbatch.errors import StorageError, UsageError
from dbatch.exports.parcel import Parcel
from dbatch.looking.fills import each_job
from dbatch.looking.tables import PARAMETER

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData, Table

_ROWS: Final = 5_000
_SETS: Final = ("symbol", "strategy", "timestamp")
_KEYS: Final = {
    "dbatch_batches": ("batch_id",),
    "dbatch_runs": ("batch_id", "run_id"),
    "dbatch_jobs": ("batch_id", "run_id", "symbol"),
    "dbatch_fills": ("batch_id", "run_id", "symbol", "number"),
}
_FILL_KINDS: Final = {
    "number": "int",
    "strategy": "text",
    "timestamp": "time",
    "side": "text",
    "fill_price": "float",
    "fill_qty": "int",
    "realized_pnl": "float",
    "position": "int",
    "pnl": "float",
}

Rows = Iterable[Mapping[str, Any]]


def write_database(parcel: Parcel, url: str) -> dict[str, int]:
    """Put `parcel` into the database at `url`, a URL of SQLAlchemy, and return how many rows each table got.

    Tables are `dbatch_batches`, `dbatch_runs`, `dbatch_jobs` and `dbatch_fills`, made where they are missing; columns
    of later versions are added. What they held of the same `batch_id` is replaced, in one transaction: readers see
    the old copy or the new one. Raises UsageError for a URL or driver that cannot be used, StorageError for a
    database that does not answer or refuses.
    """
    import sqlalchemy.exc

    shown = url.partition("://")[0]
    try:
        engine = _engine(url)
        try:
            shown = engine.url.render_as_string(hide_password=True)
            with engine.begin() as connection:
                return _replace(connection, parcel)
        finally:
            engine.dispose()
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        hint = "nothing was changed there; start it, or correct --url, and export again"
        raise StorageError(f"{shown}: the database did not take the export ({said}); {hint}") from error


def _engine(url: str) -> Engine:
    import sqlalchemy
    import sqlalchemy.exc

    if url.startswith(("postgresql://", "postgres://")):  # the driver that we test with
        url = f"postgresql+psycopg://{url.partition('://')[2]}"
    try:
        return sqlalchemy.create_engine(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise UsageError(f"--url {url.partition('://')[0]}...: {error}; such as sqlite:///results.sqlite") from error
    except ModuleNotFoundError as error:
        what = "pip install 'dbatch[postgres]'" if "psycopg" in str(error) else f"pip install {error.name}"
        raise UsageError(f"--url {url.partition('://')[0]}: its driver {error.name} is missing; {what}") from error


def _replace(connection: Connection, parcel: Parcel) -> dict[str, int]:
    from sqlalchemy import MetaData

    metadata = MetaData()
    made: dict[str, tuple[Table, Rows]] = {}
    for name, (kinds, rows) in _contents(parcel).items():
        made[name] = _table(name, kinds, metadata), rows
    metadata.create_all(connection)
    written = {}
    for table, _ in reversed(list(made.values())):
        _add_columns(connection, table)
        connection.execute(table.delete().where(table.c.batch_id == parcel.batch_id))
    for name, (table, rows) in made.items():
        written[name] = _insert(connection, table, rows)
    return written


def _contents(parcel: Parcel) -> dict[str, tuple[dict[str, str], Rows]]:
    """Return the columns that are not keys, by name their kind, and the rows of each table."""
    about = parcel.about()
    batch = {name: about[name] for name in ("batch_name", "description", "state", "config_hash", "git_commit_hash")}
    batch |= {name: _time(about[name]) for name in ("started_at", "finished_at")}
    batch["exported_at"] = datetime.now(UTC).replace(tzinfo=None)
    ended = batch["finished_at"] or batch["started_at"]
    batch_kinds = {name: "time" if name.endswith("_at") else "text" for name in batch}
    runs = {name: kind for name, kind in _kinds(parcel.runs).items() if not name.startswith(PARAMETER)}
    jobs = {name: kind for name, kind in _kinds(parcel.jobs).items() if not name.startswith(PARAMETER)}
    del runs["run_id"], jobs["run_id"], jobs["security"]
    return {
        "dbatch_batches": (batch_kinds, [{"batch_id": parcel.batch_id, **batch}]),
        "dbatch_runs": ({**runs, "parameters": "json", "timestamp": "time"}, _rows(parcel, parcel.runs, ended)),
        "dbatch_jobs": ({**jobs, "parameters": "json", "timestamp": "time"}, _rows(parcel, parcel.jobs, ended)),
        "dbatch_fills": (_FILL_KINDS, _fills(parcel)),
    }


def _kinds(table: Any) -> dict[str, str]:
    names = {"int64": "int", "double": "float", "bool": "flag"}
    return {column.name: names.get(str(column.type), "text") for column in table.schema}


def _rows(parcel: Parcel, table: Any, ended: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of runs or jobs; parameters are one document, for every batch has others."""
    for batch in table.to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            plain = {name: value for name, value in row.items() if not name.startswith(PARAMETER)}
            parameters = {name.removeprefix(PARAMETER): row[name] for name in row if name.startswith(PARAMETER)}
            if "security" in plain:
                plain["symbol"] = plain.pop("security")
            yield {"batch_id": parcel.batch_id, **plain, "parameters": parameters, "timestamp": ended}


def _fills(parcel: Parcel) -> Iterator[dict[str, Any]]:
    for job, fills in each_job(parcel.tables.folder, parcel.fills):
        names = {"batch_id": parcel.batch_id, "run_id": job.run_id, "symbol": job.security, "strategy": job.strategy}
        exact = fills.set_column(0, "timestamp", fills.column("timestamp").cast("timestamp[us]", safe=False))
        number = 0
        for batch in exact.to_batches(max_chunksize=_ROWS):
            for row in batch.to_pylist():
                yield {**names, "number": number, **row}
                number += 1


def _table(name: str, kinds: Mapping[str, str], metadata: MetaData) -> Table:
    from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, Double, Index, String, Table, Text

    types: dict[str, Any] = {
        "int": BigInteger,
        "float": Double,
        "flag": Boolean,
        "text": Text,
        "time": DateTime,
        "json": JSON,
    }
    name_type = Text().with_variant(String(255), "mysql", "mariadb")  # whose keys have a length
    keys = [
        Column(key, BigInteger if key == "number" else name_type, primary_key=True, autoincrement=False)
        for key in _KEYS[name]
    ]
    others = [Column(key, types[kind]) for key, kind in kinds.items() if key not in _KEYS[name]]
    table = Table(name, metadata, *keys, *others)
    if all(key in table.c for key in _SETS):
        Index(f"ix_{name}_{'_'.join(_SETS)}", *(table.c[key] for key in _SETS))
    return table


def _add_columns(connection: Connection, table: Table) -> None:
    """Add the columns that a table made by another version of dbatch lacks."""
    from sqlalchemy import inspect, text

    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    quote = connection.dialect.identifier_preparer.quote
    for column in table.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.execute(text(f"alter table {quote(table.name)} add column {quote(column.name)} {kind}"))


def _insert(connection: Connection, table: Table, rows: Rows) -> int:
    count, arriving = 0, iter(rows)
    while block := [{key: _storable(value) for key, value in row.items()} for row in islice(arriving, _ROWS)]:
        connection.execute(table.insert(), block)
        count += len(block)
    return count


def _storable(value: Any) -> Any:
    """Return `value`; a text without the character that PostgreSQL has no place for."""
    return value.replace("\0", "\\x00") if isinstance(value, str) else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
