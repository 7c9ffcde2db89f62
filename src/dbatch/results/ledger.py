"""What a run or a batch knows, in SQLite: what was planned, and a receipt per job; written by the driver alone.

Of a receipt whose part says the same (a success's, see `results.facts`) there is where it lies, its digest and its
seconds; `receipt` is null then.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, starmap, zip_longest
from operator import eq
from pathlib import Path
from typing import Any, Final, NamedTuple

from dbatch.durable import passed
from dbatch.errors import OutputError, StorageError
from dbatch.model import Receipt, Status
from dbatch.quick_json import parsed, to_text
from dbatch.results.part import with_facts
from dbatch.results.receipt_text import receipt_of, receipt_text

LEDGER_NAME: Final = "ledger.sqlite"
DERIVED: Final = "derived"
"""The fact that says what files made from the ledger hold: any later transaction takes it back."""

_VERSION: Final = 3

_PLANNED_KEY: Final = "create index if not exists planned_key on planned (key)"

_TABLES: Final = f"""
begin;
pragma user_version = {_VERSION};
create table if not exists receipts (
    sequence integer primary key autoincrement,
    key text not null unique,
    security text not null,
    status text not null,
    part text not null,
    row integer not null,
    sha256 text not null,
    digest text not null,
    runtime_sec real not null,
    attempts integer not null default 1,
    receipt text
);
create table if not exists commits (
    sequence integer primary key autoincrement,
    at real not null,
    jobs integer not null,
    failed integer not null,
    rss_mb real not null
);
create table if not exists runs (
    run integer primary key,
    run_id text not null,
    spec text not null
);
create table if not exists planned (
    run integer not null,
    security text not null,
    key text not null,
    stale integer not null default 0,
    primary key (run, security)
) without rowid;
{_PLANNED_KEY};
create table if not exists facts (
    name text primary key,
    value text not null
) without rowid;
commit;
"""


class Planned(NamedTuple):
    """One job of a batch's plan: run number, security and job key; `stale` when inputs changed since."""

    run: int
    security: str
    key: str
    stale: bool = False


PlannedJob = tuple[int, str, str, int]
"""What `Planned` has, as SQLite takes it: a hundred thousand of them cost little."""


@dataclass(frozen=True)
class Commit:
    """One transaction: when (Unix seconds), of how many jobs, how many of them failed, the memory of all processes."""

    at: float
    jobs: int
    failed: int
    rss_mb: float


class Ledger:
    """Receipts by job key, and the plan that they belong to."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def commit(self, *receipts: Receipt, at: float = 0.0, rss_mb: float = 0.0) -> list[str]:
        """Keep `receipts` in one transaction, on disk when this returns; return the keys of those that contradict.

        A receipt of the same key replaces the one before, unless that was a success: the first one stays, and a
        success with another digest contradicts it. Raises StorageError.
        """
        contradicting = []
        failed = sum(receipt.status != "success" for receipt in receipts)
        with self._transaction():
            for first in range(0, len(receipts), _ROWS):
                rows = receipts[first : first + _ROWS]
                values = [value for receipt in rows for value in _values(receipt)]
                if self._connection.execute(_keep(len(rows)), values).rowcount < len(rows):
                    contradicting += [receipt.key for receipt in rows if self._contradicts(receipt)]
            self._connection.execute(
                "insert into commits (at, jobs, failed, rss_mb) values (?, ?, ?, ?)",
                (at, len(receipts), failed, rss_mb),
            )
        passed(7)
        return contradicting

    def improve(self, *receipts: Receipt) -> list[str]:
        """Replace successes by `receipts` of the same jobs done again, where the digest is the same.

        Returns the keys of those that have another digest, or are no success: the first receipt stays. Raises
        StorageError.
        """
        refused = []
        with self._transaction():
            for receipt in receipts:
                if receipt.status != "success" or self._contradicts(receipt):
                    refused.append(receipt.key)
                    continue
                _, _, _, *values = _values(receipt)
                self._connection.execute(_IMPROVE, (*values, receipt.key))
        return refused

    def forget(self, keys: Iterable[str]) -> None:
        """Take back the receipts of `keys`: their jobs are to be done again. Raises StorageError."""
        with self._transaction():
            self._connection.executemany("delete from receipts where key = ?", [(key,) for key in keys])

    def receipts(self) -> dict[str, Receipt]:
        """Return the receipts kept, by job key, in the order in which they came."""
        return {receipt.key: receipt for receipt in self.each_receipt()}

    def each_receipt(self) -> Iterator[Receipt]:
        """Yield the receipts kept, in the order in which they came; facts are read from the parts."""
        yield from self._read(f"{_RECEIPTS} order by sequence")

    def receipts_of(self, keys: Iterable[str]) -> list[Receipt]:
        """Return the receipts of those jobs of `keys` that have one."""
        wanted = list(dict.fromkeys(keys))
        place = {key: number for number, key in enumerate(wanted)}
        asked = f"{_RECEIPTS} where key in (select value from json_each(?))"
        return sorted(self._read(asked, to_text(wanted)), key=lambda receipt: place[receipt.key])

    def _read(self, query: str, *values: Any) -> Iterator[Receipt]:
        rows = self._connection.execute(query, values)
        return with_facts(self._path.parent, (_receipt(*row) for row in rows))

    def statuses(self) -> dict[str, str]:
        """Return the status of each job that has a receipt, by key."""
        return dict(self._connection.execute("select key, status from receipts"))

    def parts(self) -> dict[str, str]:
        """Return the hash of every part that a success lies in, by its path below the folder."""
        return dict(self._connection.execute("select distinct part, sha256 from receipts where part != ''"))

    def attempts(self) -> int:
        """Return how many receipts have come in all, failures and those replaced among them."""
        return int(self._connection.execute("select coalesce(sum(attempts), 0) from receipts").fetchone()[0])

    def commits(self) -> list[Commit]:
        """Return all transactions in their order."""
        rows = self._connection.execute("select at, jobs, failed, rss_mb from commits order by sequence")
        return [Commit(*row) for row in rows]

    def plan(
        self,
        runs: Iterable[tuple[int, str, Mapping[str, Any] | str]],
        planned: Iterable[PlannedJob],
        **facts: Any,
    ) -> None:
        """Replace the plan: runs as (number, id, what was asked), and their jobs; keep `facts` in the same transaction.

        What was asked may be given as JSON; a job is what `Planned` has. Raises StorageError.
        """
        rows = (row if isinstance(row[2], str) else (*row[:2], to_text(row[2])) for row in runs)
        with self._transaction():
            self._connection.execute("delete from runs")
            self._connection.execute("delete from planned")
            self._connection.execute("drop index planned_key")  # made at once it takes a third of the time
            self._insert("runs", 3, rows)
            self._insert("planned", 4, planned)
            self._connection.execute(_PLANNED_KEY)
            self._keep(facts)

    def _insert(self, table: str, columns: int, rows: Iterable[tuple[Any, ...]]) -> None:
        """Put `rows` into `table`, many with a statement: that takes two thirds of the time of one by one."""
        values = chain.from_iterable(rows)
        row = f"({', '.join('?' * columns)})"
        while some := list(islice(values, columns * _ROWS)):
            self._connection.execute(f"insert into {table} values {', '.join([row] * (len(some) // columns))}", some)

    def runs(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Yield (number, id, what was asked) of every planned run, by number."""
        for number, run_id, spec in self.runs_as_text():
            yield number, run_id, parsed(spec)

    def runs_as_text(self) -> sqlite3.Cursor:
        """Return what `runs` yields, what was asked as JSON."""
        return self._connection.execute("select run, run_id, spec from runs order by run")

    def has_runs(self, rows: Iterable[tuple[int, str, str]]) -> bool:
        """Return whether the planned runs are these, as `runs_as_text` has them."""
        with contextlib.closing(self.runs_as_text()) as kept:
            return all(starmap(eq, zip_longest(kept, rows)))

    def planned(self) -> list[Planned]:
        """Return all planned jobs, by run number and security."""
        rows = self._connection.execute("select run, security, key, stale from planned order by run, security")
        return [Planned(run, security, key, stale == 1) for run, security, key, stale in rows]

    def remember(self, **facts: Any) -> None:
        """Keep `facts`, values JSON can hold, under their names. Raises StorageError."""
        with self._transaction():
            self._keep(facts)

    def facts(self) -> dict[str, Any]:
        """Return all facts that were kept, by name."""
        return {name: parsed(value) for name, value in self._connection.execute("select name, value from facts")}

    def query(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query: for counts and sums, where to read all receipts would take long."""
        return self._connection.execute(sql, values)

    def stand_in(self, runs: Sequence[tuple[str, Mapping[str, Any], Mapping[str, str]]]) -> None:
        """Let `runs`, as (id, what was asked, job keys by security), stand for the plan that a run's ledger lacks.

        Nothing of it is written.
        """
        self._connection.execute("create temp table runs (run, run_id, spec)")
        self._connection.execute("create temp table planned (run, security, key, stale)")
        rows = [(number, run_id, to_text(spec)) for number, (run_id, spec, _) in enumerate(runs)]
        jobs = [(number, *job) for number, (_, _, keys) in enumerate(runs) for job in keys.items()]
        self._connection.executemany("insert into runs values (?, ?, ?)", rows)
        self._connection.executemany("insert into planned values (?, ?, ?, 0)", jobs)

    def _keep(self, facts: Mapping[str, Any]) -> None:
        rows = [(name, to_text(value)) for name, value in facts.items()]
        self._connection.executemany("insert or replace into facts values (?, ?)", rows)

    def _contradicts(self, receipt: Receipt) -> bool:
        if receipt.status != "success":
            return False
        (digest,) = self._connection.execute("select digest from receipts where key = ?", (receipt.key,)).fetchone()
        return bool(digest != receipt.digest)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._connection:
                self._connection.execute("delete from facts where name = ?", (DERIVED,))
                yield
        except sqlite3.OperationalError as error:
            raise StorageError(f"results could not be kept: {self._path}: {error}") from error


_ROWS: Final = 100
"""Receipts to a statement: at each one SQLite lets other threads have the interpreter, and has to wait for it again."""

_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"

_RECEIPTS: Final = "select key, security, status, part, row, sha256, digest, runtime_sec, receipt from receipts"

_IMPROVE: Final = """
update receipts set part = ?, row = ?, sha256 = ?, digest = ?, runtime_sec = ?, receipt = ? where key = ?
"""


@cache
def _keep(rows: int) -> str:
    return f"""
insert into receipts (key, security, status, part, row, sha256, digest, runtime_sec, receipt)
values {", ".join([_ROW] * rows)}
on conflict (key) do update set status = excluded.status, part = excluded.part, row = excluded.row,
    sha256 = excluded.sha256, digest = excluded.digest, runtime_sec = excluded.runtime_sec,
    receipt = excluded.receipt, attempts = attempts + 1
where receipts.status != 'success'
"""


def _values(receipt: Receipt) -> tuple[Any, ...]:
    place = (receipt.part, receipt.row, receipt.sha256, receipt.digest, receipt.runtime_sec)
    text = None if receipt.status == "success" and receipt.part else receipt_text(receipt)
    return (receipt.key, receipt.security, receipt.status, *place, text)


def _receipt(
    key: str,
    security: str,
    status: Status,
    part: str,
    row: int,
    sha256: str,
    digest: str,
    runtime_sec: float,
    text: str | None,
) -> Receipt:
    place: dict[str, Any] = {"part": part, "row": row, "sha256": sha256}
    if text is not None:
        return receipt_of(text, **place)
    return Receipt(key, security, status, digest=digest, runtime_sec=runtime_sec, **place)


@contextmanager
def open_ledger(output_dir: Path) -> Iterator[Ledger]:
    """Yield the ledger of `output_dir`, made when it is not there. Raises OutputError for one that is unreadable."""
    path = output_dir / LEDGER_NAME
    connection = sqlite3.connect(path, timeout=30)
    try:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            _has_tables(connection)
            connection.executescript(_TABLES)
        except sqlite3.OperationalError as error:
            raise StorageError(f"results could not be kept: {path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise OutputError(f"{path}: not a readable ledger ({error}); --rerun starts anew") from error
        yield Ledger(connection, path)
    finally:
        connection.close()


@contextmanager
def reading_ledger(output_dir: Path) -> Iterator[Ledger]:
    """Yield the ledger of `output_dir` to read from; nothing is written there, whoever else is at it.

    Raises OutputError for a ledger that is missing or unreadable.
    """
    path = output_dir / LEDGER_NAME
    log = path.with_name(f"{LEDGER_NAME}-wal")
    nobody_writes = not log.exists() or log.stat().st_size == 0
    options = "immutable=1" if nobody_writes else "mode=ro"  # the latter makes files of its own beside the ledger
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)) as connection:
            if not _has_tables(connection):
                raise OutputError(f"{output_dir}: holds no batch, its driver ended before it was planned; start again")
            yield Ledger(connection, path)
    except sqlite3.DatabaseError as error:
        raise OutputError(f"{path}: not a readable ledger ({error})") from error


def read_receipts(output_dir: Path) -> dict[str, Receipt]:
    """Return the receipts kept in `output_dir` by job key; raises as `reading_ledger` does."""
    with reading_ledger(output_dir) as ledger:
        return ledger.receipts()


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Return whether anything was ever written. Raises DatabaseError for a ledger of another version of dbatch."""
    (version,) = connection.execute("pragma user_version").fetchone()
    tables: Sequence[Any] = connection.execute("select 1 from sqlite_master where name = 'receipts'").fetchall()
    if tables and version != _VERSION:
        raise sqlite3.DatabaseError(f"of version {version} of ledgers, this dbatch reads version {_VERSION}")
    return bool(tables)
