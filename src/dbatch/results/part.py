"""A part: what one unit published, a Parquet file with a row per job.

Columns: `key`, `security`, `status`, `receipt` (of a job that did not succeed: JSON, all but where it lies), `days`
(list of int32, days since 1970 on which the market was open), `daily_pnl` (list of float64, currency, as long as
`days`), `fills` (list of structs of `schema.FILL_DTYPES`; null where they are not kept), and those of
`facts.FACT_KINDS`, null for a job that did not succeed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import StorageError
from dbatch.model import Receipt
from dbatch.results.columns import in_one
from dbatch.results.facts import FACT_KINDS, receipts_with_facts, with_later_facts
from dbatch.results.part_rows import PartBlock, PartRow, Rows, fill_count, keys_of, placed_receipts, table_of_rows
from dbatch.results.publish import parquet_bytes, write_atomically
from dbatch.results.receipt_text import placed, receipt_of
from dbatch.schema import FILL_COLUMNS

__all__ = ["PartBlock", "PartRow", "publish"]  # the rest is named where it is defined

_LEAN: Final = "-lean"
_FILLS_A_ROW_GROUP: Final = 1 << 20
_PARTS_AT_ONCE: Final = 16
_DICTIONARIES: Final = ("fills.list.element.side",)
"""Of jobs of one security the other columns are all alike or all different: compression alone does better, sooner."""


def publish(output_dir: str | Path, *blocks: Rows) -> list[Receipt]:
    """Write the rows of `blocks` as one part below `output_dir`, and return their receipts, which say where they lie.

    The receipts of a `PartBlock` leave the facts to the part, but for the digest and the seconds. The name follows from
    the jobs' keys and the contents, so that whoever does the same jobs again, and is late, takes nothing away. Raises
    StorageError.
    """
    table = table_of_rows(blocks)
    keys = [key for rows in blocks for key in keys_of(rows)]
    fills = sum(fill_count(rows) for rows in blocks)
    row_group = max(1, _FILLS_A_ROW_GROUP * len(keys) // max(fills, 1))
    content = parquet_bytes(table, rows=row_group, dictionaries=_DICTIONARIES)
    lean = table.column("fills").null_count == len(table)
    sha256 = hashlib.sha256(content).hexdigest()
    name = part_name(keys, sha256, lean=lean)
    write_atomically(Path(output_dir, name), content)
    receipts: list[Receipt] = []
    for rows in blocks:
        receipts += placed_receipts(rows, name, sha256, len(receipts))
    return receipts


def part_name(keys: Sequence[str], sha256: str, *, lean: bool = False) -> str:
    """Return where the part of the jobs called `keys` with that hash lies in its output folder; `lean` has no fills."""
    name = keys[0] if len(keys) == 1 else hashlib.sha256(" ".join(keys).encode()).hexdigest()[:32]
    return f"parts/{name[:2]}/{name}-{sha256[:8]}{_LEAN if lean else ''}.parquet"


def is_named_after(part: str, sha256: str) -> bool:
    """Return whether the part called so was published with contents of that hash."""
    return part.removesuffix(".parquet").removesuffix(_LEAN).endswith(f"-{sha256[:8]}")


def is_lean(part: str) -> bool:
    """Return whether the part called so holds no fills."""
    return part.endswith(f"{_LEAN}.parquet")


def is_intact(output_dir: Path, receipt: Receipt) -> bool:
    """Return whether the part of `receipt` is there with the contents that the receipt names."""
    return bool(receipt.part) and file_hash(output_dir / receipt.part) == receipt.sha256


def file_hash(path: Path) -> str | None:
    """Return the SHA-256 of a file, None for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def read_fills(output_dir: Path, receipt: Receipt) -> pa.Table:
    """Return the fills of a successful job, columns of `schema.FILL_DTYPES`.

    Raises StorageError for a part that is gone or damaged, or does not hold the fills of this job.
    """
    path = output_dir / receipt.part
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as part:
            first = 0
            for group in range(part.num_row_groups):
                size = part.metadata.row_group(group).num_rows
                if first <= receipt.row < first + size:
                    table = part.read_row_group(group, columns=["key", "fills"], use_threads=False)
                    return _fills_at(table, receipt, receipt.row - first, path)
                first += size
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: {error}") from error
    raise StorageError(f"{path}: has no row {receipt.row}")


def each_fills(path: Path, rows: Collection[int]) -> Iterator[tuple[int, pa.Table]]:
    """Yield (row, its fills, columns of `schema.FILL_DTYPES`) for `rows` of the part at `path`, in rising order.

    One row group is in memory at a time. Raises StorageError for a part that is gone or damaged, or has no such fills.
    """
    left = set(rows)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as part:
            first = 0
            for group in range(part.num_row_groups):
                size = part.metadata.row_group(group).num_rows
                here = [row for row in range(first, first + size) if row in left]
                if here:
                    table = part.read_row_group(group, columns=["fills"], use_threads=False)
                    lists = in_one(table.column("fills"))
                    for row in here:
                        if lists[row - first].is_valid:
                            left.remove(row)
                            yield row, _fills_in(lists[row - first])
                first += size
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: {error}") from error
    if left:
        raise StorageError(f"{path}: has no fills in row {min(left)}")


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the part at `path`: of `key`, `receipt`, `days` and `daily_pnl` those of `columns`.

    Lists are arrays, None where there are none. Raises StorageError for a part that is gone or damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as part:
            table = part.read(columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: {error}") from error
    found: dict[str, list[Any]] = {name: list(_values(table.column(name))) for name in columns}
    return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]


def receipts_in(output_dir: Path, part: str) -> list[Receipt]:
    """Return the receipts that the part called `part` holds. Raises StorageError for one that is damaged."""
    path = output_dir / part
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=["key", "security", "receipt", *FACT_KINDS], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(f"{path}: {error}") from error
    sha256 = file_hash(path) or ""
    keys, securities, texts = (table.column(name).to_pylist() for name in ("key", "security", "receipt"))
    facts = with_later_facts(table, FACT_KINDS).select(list(FACT_KINDS))
    found = receipts_with_facts(keys, securities, facts)
    receipts = [receipt_of(text) if text else receipt for text, receipt in zip(texts, found, strict=True)]
    return [placed(receipt, part=part, row=number, sha256=sha256) for number, receipt in enumerate(receipts)]


def with_facts(output_dir: Path, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
    """Yield `receipts`, each success as its part below `output_dir` has it; as it is where that cannot be read."""
    parts: dict[tuple[str, str], dict[int, Receipt]] = {}
    for receipt in receipts:
        if receipt.status != "success" or not receipt.part:
            yield receipt
            continue
        place = receipt.part, receipt.sha256
        if place not in parts:
            if len(parts) == _PARTS_AT_ONCE:
                del parts[next(iter(parts))]
            parts[place] = _published_in(output_dir, *place)
        found = parts[place].get(receipt.row)
        yield receipt if found is None or found.key != receipt.key else found


def _published_in(output_dir: Path, part: str, sha256: str) -> dict[int, Receipt]:
    """Return the receipts in a part by their rows, none where it is gone or is not what was published."""
    try:
        return {receipt.row: receipt for receipt in receipts_in(output_dir, part) if receipt.sha256 == sha256}
    except StorageError:
        return {}


def _fills_at(table: pa.Table, receipt: Receipt, row: int, path: Path) -> pa.Table:
    if table.column("key")[row].as_py() != receipt.key:
        raise StorageError(f"{path}: row {receipt.row} is another job's")
    fills = in_one(table.column("fills"))[row]
    if not fills.is_valid:
        raise StorageError(f"{path}: the fills of row {receipt.row} were not kept")
    return _fills_in(fills)


def _fills_in(one: pa.ListScalar) -> pa.Table:
    return pa.Table.from_arrays(list(one.values.flatten()), list(FILL_COLUMNS))


def _values(column: pa.ChunkedArray) -> Iterator[Any]:
    for chunk in column.chunks:
        if not pa.types.is_list(chunk.type):
            yield from chunk.to_pylist()
            continue
        values = np.from_dlpack(chunk.values)
        bounds = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        for row, valid in enumerate(chunk.is_valid().to_pylist()):
            yield values[bounds[row] : bounds[row + 1]] if valid else None
