"""Where the accounts of portfolios lie: a folder for each job, called by its key, with a file for each table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import StorageError
from dbatch.model import UNIVERSE, Receipt
from dbatch.results.folder import ACCOUNTS_NAME
from dbatch.results.ledger import Ledger
from dbatch.results.publish import parquet_bytes, write_atomically

TABLES: Final = ("equity", "weights", "orders")
_KEY: Final = re.compile(r"[0-9a-f]{32}")


def account_files(output_dir: Path, key: str) -> dict[str, Path]:
    """Return the files of the account of the job called `key`, by table; none where it is no portfolio's."""
    folder = output_dir / ACCOUNTS_NAME / key
    return {name: folder / f"{name}.parquet" for name in TABLES} if folder.is_dir() else {}


def keep_account(output_dir: Path, key: str, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables of a job's account, each whole or not at all; twice is harmless. Raises StorageError."""
    for name, table in tables.items():
        write_atomically(output_dir / ACCOUNTS_NAME / key / f"{name}.parquet", parquet_bytes(table))


def account_digest(tables: Mapping[str, pa.Table]) -> str:
    """Return the digest of a portfolio's receipt: of every value of `TABLES`, whatever the encoding of their files."""
    digest = hashlib.sha256()
    for name in TABLES:
        table = tables[name]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        digest.update(bytes(sink.getvalue()))
    return digest.hexdigest()


def read_account(output_dir: Path, key: str) -> dict[str, pa.Table]:
    """Return the tables of the account of the job called `key`. Raises StorageError for what is gone or damaged."""
    folder = output_dir / ACCOUNTS_NAME / key
    tables = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                tables[name] = file.read(use_threads=False).replace_schema_metadata(None)
        except (OSError, pa.ArrowException) as error:
            raise StorageError(f"{path}: {error}") from error
    return tables


def has_account(output_dir: Path, receipt: Receipt) -> bool:
    """Return whether the account that `receipt` speaks of is there as it was computed; who has none lacks none."""
    is_portfolio = receipt.security == UNIVERSE and receipt.status == "success"
    return not is_portfolio or _is_whole(output_dir, receipt.key, receipt.digest)


def lost_accounts(output_dir: Path, ledger: Ledger) -> list[str]:
    """Return the keys of the successes whose account is gone or not as it was computed; all accounts are read."""
    asked = "select key, digest from receipts where security = ? and status = 'success' order by sequence"
    return [key for key, digest in ledger.query(asked, UNIVERSE) if not _is_whole(output_dir, key, digest)]


def _is_whole(output_dir: Path, key: str, digest: str) -> bool:
    try:
        return bool(_KEY.fullmatch(key)) and account_digest(read_account(output_dir, key)) == digest
    except StorageError:
        return False


def useless_accounts(output_dir: Path, ledger: Ledger) -> list[str]:
    """Return the keys of the accounts in `output_dir` of jobs that are not planned and have no receipt."""
    kept = list(kept_accounts(output_dir))
    known = {key for (key,) in ledger.query("select key from planned union select key from receipts")} if kept else ()
    return [key for key in kept if key not in known]


def copy_account(source: Path, output_dir: Path, receipt: Receipt) -> bool:
    """Return whether `output_dir` has the account of `receipt` now, its own or the source's. Raises StorageError."""
    if has_account(output_dir, receipt):
        return True
    if not has_account(source, receipt):
        return False
    for path in account_files(source, receipt.key).values():
        write_atomically(output_dir / ACCOUNTS_NAME / receipt.key / path.name, path.read_bytes())
    return True


def kept_accounts(output_dir: Path) -> Iterator[str]:
    """Yield the keys of all jobs that `output_dir` keeps an account of; links are not followed."""
    top = output_dir / ACCOUNTS_NAME
    for folder in sorted(top.iterdir()) if top.is_dir() and not top.is_symlink() else ():
        if _KEY.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield folder.name


def remove_account(output_dir: Path, key: str) -> None:
    """Remove the account of the job called `key`, and its folder where nothing else is in it."""
    for path in account_files(output_dir, key).values():
        path.unlink(missing_ok=True)
    with suppress(OSError):
        (output_dir / ACCOUNTS_NAME / key).rmdir()
