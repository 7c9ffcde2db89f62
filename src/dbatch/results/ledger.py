"""The receipts of a run, in SQLite: one row per job, written by the driver alone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbatch.errors import OutputError, StorageError
from dbatch.model import Receipt

LEDGER_NAME = "ledger.sqlite"

_TABLE = """
create table if not exists receipts (
    sequence integer primary key autoincrement,
    key text not null unique,
    security text not null,
    status text not null,
    receipt text not null
)
"""


class Ledger:
    """Receipts by job key; a receipt of the same key replaces the one before."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def commit(self, receipt: Receipt) -> None:
        """Keep `receipt`, on disk when this returns. Raises StorageError."""
        values = (receipt.key, receipt.security, receipt.status, json.dumps(dataclasses.asdict(receipt)))
        try:
            with self._connection:
                self._connection.execute(
                    "insert or replace into receipts (key, security, status, receipt) values (?, ?, ?, ?)",
                    values,
                )
        except sqlite3.OperationalError as error:
            raise StorageError(f"results could not be kept: {self._path}: {error}") from error

    def receipts(self) -> dict[str, Receipt]:
        """Return the receipts kept, by job key."""
        rows = self._connection.execute("select receipt from receipts order by sequence").fetchall()
        found = (_receipt(json.loads(text)) for (text,) in rows)
        return {receipt.key: receipt for receipt in found}


@contextmanager
def open_ledger(output_dir: Path) -> Iterator[Ledger]:
    """Yield the ledger of `output_dir`, made when it is not there. Raises OutputError for one that is unreadable."""
    path = output_dir / LEDGER_NAME
    connection = sqlite3.connect(path, timeout=30)
    try:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            raise OutputError(f"{path}: not a readable ledger ({error}); --rerun starts anew") from error
        yield Ledger(connection, path)
    finally:
        connection.close()


def read_receipts(output_dir: Path) -> dict[str, Receipt]:
    """Return the receipts kept in `output_dir` by job key; nothing is written there, whoever else is at it.

    Raises OutputError for a ledger that is missing or unreadable.
    """
    path = output_dir / LEDGER_NAME
    log = path.with_name(f"{LEDGER_NAME}-wal")
    nobody_writes = not log.exists() or log.stat().st_size == 0
    options = "immutable=1" if nobody_writes else "mode=ro"  # the latter makes files of its own beside the ledger
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)) as connection:
            return Ledger(connection, path).receipts()
    except sqlite3.DatabaseError as error:
        raise OutputError(f"{path}: not a readable ledger ({error})") from error


def _receipt(facts: dict[str, object]) -> Receipt:
    known = {field.name for field in dataclasses.fields(Receipt)}
    values = {name: value for name, value in facts.items() if name in known}
    values["notes"] = tuple(values.get("notes", ()))  # type: ignore[arg-type]
    return Receipt(**values)  # type: ignore[arg-type]
