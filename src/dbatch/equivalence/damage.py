"""Whether what people read in a folder of ours is what the run computed."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.data.names import file_slug
from dbatch.equivalence.columns import digest_of
from dbatch.errors import DbatchError
from dbatch.model import Receipt
from dbatch.results import export
from dbatch.results.folder import FILLS_NAME, SUMMARY_NAME, TRADES_ENDING
from dbatch.results.part import is_intact, read_fills

_CURE = "run the same command again with --rerun"


def damage_of(folder: Path, receipt: Receipt) -> str | None:
    """Return in which way the files of one security contradict its receipt, or None.

    The part must have the hash in the receipt; its trades file, its rows of `fills.parquet` and its line of the
    summary must hold what was computed.
    """
    if not is_intact(folder, receipt):
        return f"{receipt.part} is missing or was changed since the run; {_CURE}"
    trades = folder / f"{file_slug(receipt.security)}{TRADES_ENDING}"
    for path in (trades, folder / FILLS_NAME, folder / SUMMARY_NAME):
        if not path.exists():
            return f"{path.name} is missing; {_CURE}"
    try:
        fills = read_fills(folder, receipt)
        if trades.read_bytes() != export.trades_csv(fills):
            return _changed(trades)
        if not _same_fills(folder / FILLS_NAME, receipt.security, fills):
            return _changed(folder / FILLS_NAME)
        wanted = [list(export.SUMMARY_COLUMNS), list(map(str, export.summary_cells(receipt)))]
        if _summary_lines(folder / SUMMARY_NAME, receipt.security) != wanted:
            return _changed(folder / SUMMARY_NAME)
    except (DbatchError, OSError, ValueError, pa.ArrowException) as error:
        return f"cannot be read ({str(error).splitlines()[0]}); {_CURE}"
    return None


def _changed(path: Path) -> str:
    return f"{path.name} does not hold what the run computed; {_CURE}"


def _same_fills(path: Path, security: str, fills: pa.Table) -> bool:
    stored = pq.read_table(path, filters=[("security", "=", security)], page_checksum_verification=True)
    return digest_of(stored.drop_columns(["security"])) == digest_of(fills)


def _summary_lines(path: Path, security: str) -> list[list[str]]:
    """Return the header, and all lines of `security`."""
    with open(path, encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        return [next(lines, []), *(line for line in lines if line and line[0] in (security, f"'{security}"))]
