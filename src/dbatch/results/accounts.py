"""Where the accounts of portfolios lie: a folder for each job, called by its key, with a file for each table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from dbatch.results.folder import ACCOUNTS_NAME
from dbatch.results.publish import parquet_bytes, write_atomically

TABLES: Final = ("equity", "weights", "orders")


def account_files(output_dir: Path, key: str) -> dict[str, Path]:
    """Return the files of the account of the job called `key`, by table; none where it is no portfolio's."""
    folder = output_dir / ACCOUNTS_NAME / key
    return {name: folder / f"{name}.parquet" for name in TABLES} if folder.is_dir() else {}


def keep_account(output_dir: Path, key: str, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables of a job's account, each whole or not at all; twice is harmless. Raises StorageError."""
    for name, table in tables.items():
        write_atomically(output_dir / ACCOUNTS_NAME / key / f"{name}.parquet", parquet_bytes(table))
