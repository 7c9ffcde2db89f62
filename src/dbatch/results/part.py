"""A part: what one unit published, a Parquet file with a row per job.

Columns: `key`, `security`, `status`, `receipt` (of a job that did not succeed: JSON, all but where it lies), `days`
(list of int32, days since 1970 on which the market was open), `daily_pnl` (list of float64, currency, as long as
`days`), `fills` (list of structs of `schema.FILL_DTYPES`; null where they are not kept), and those of
`facts.FACT_KINDS`, null for a job that did not succeed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import StorageError
from dbatch.model import Receipt
from dbatch.quick_json import parsed, to_text
from dbatch.results.columns import array_of, table_of
from dbatch.results.facts import FACT_KINDS, fact_table, receipts_with_facts
from dbatch.results.publish import parquet_bytes, write_atomically
from dbatch.schema import FILL_COLUMNS

_FILL_TYPES: Final = (pa.timestamp("ns"), pa.string(), pa.float64(), pa.int64(), pa.float64(), pa.int64(), pa.float64())
_FILL: Final = pa.struct(list(zip(FILL_COLUMNS, _FILL_TYPES, strict=True)))
_FILLS: Final = pa.list_(pa.field("fill", _FILL))
SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("key", "security", "status", "receipt")),
        ("days", pa.list_(pa.int32())),
        ("daily_pnl", pa.list_(pa.float64())),
        ("fills", _FILLS),
        *fact_table(()).schema,
    ]
)
_PLACE: Final = ("part", "row", "sha256")
_MONEY: Final = ("realized_pnl", "max_drawdown", "turnover")
_LEAN: Final = "-lean"
_FILLS_A_ROW_GROUP: Final = 1 << 20
_PARTS_AT_ONCE: Final = 16
_DICTIONARIES: Final = ("fills.list.element.side",)
"""Of jobs of one security the other columns are all alike or all different: compression alone does better, sooner."""


@dataclass(frozen=True)
class PartRow:
    """One job's row: its receipt, its daily P&L over `days` (None: not computed), its fills (None: not kept).

    `days` int64 and `daily_pnl` float64 have one length; `fills` has the columns of `schema.FILL_DTYPES`.
    """

    receipt: Receipt
    days: np.ndarray | None = None
    daily_pnl: np.ndarray | None = None
    fills: pa.Table | None = None


@dataclass(frozen=True)
class PartBlock:
    """Rows of jobs over one security that succeeded together, `keys` in their order, as columns.

    `facts` has the columns of `facts.FACT_KINDS` as `columns.table_of` takes them, a value a job; `daily_pnl` float64
    (jobs, days) the P&L on each of `days`, int64 since 1970. `fills` are those of all jobs after each other, columns of
    `schema.FILL_DTYPES`, each job's up to its of `ends`; None where they are not kept.
    """

    keys: Sequence[str]
    security: str
    facts: Mapping[str, Any]
    days: np.ndarray
    daily_pnl: np.ndarray
    fills: pa.Table | None = None
    ends: np.ndarray | None = None

    @property
    def fill_count(self) -> int:
        return 0 if self.fills is None else len(self.fills)


Rows = Sequence[PartRow] | PartBlock


def publish(output_dir: str | Path, *blocks: Rows) -> list[Receipt]:
    """Write the rows of `blocks` as one part below `output_dir`, and return their receipts, which say where they lie.

    The receipts of a `PartBlock` leave the facts to the part, but for the digest and the seconds. The name follows from
    the jobs' keys and the contents, so that whoever does the same jobs again, and is late, takes nothing away. Raises
    StorageError.
    """
    table = pa.concat_tables([_block_table(rows) if isinstance(rows, PartBlock) else _table(rows) for rows in blocks])
    receipts = [receipt for rows in blocks for receipt in _receipts(rows)]
    fills = sum(_fill_count(rows) for rows in blocks)
    row_group = max(1, _FILLS_A_ROW_GROUP * len(receipts) // max(fills, 1))
    content = parquet_bytes(table, rows=row_group, dictionaries=_DICTIONARIES)
    lean = table.column("fills").null_count == len(table)
    sha256 = hashlib.sha256(content).hexdigest()
    name = part_name([receipt.key for receipt in receipts], sha256, lean=lean)
    write_atomically(Path(output_dir, name), content)
    return [_placed(receipt, part=name, row=number, sha256=sha256) for number, receipt in enumerate(receipts)]


def _table(rows: Sequence[PartRow]) -> pa.Table:
    receipts = [row.receipt for row in rows]
    texts = [None if receipt.status == "success" else receipt_text(receipt) for receipt in receipts]
    columns = [
        array_of([receipt.key for receipt in receipts], "text"),
        array_of([receipt.security for receipt in receipts], "text"),
        array_of([receipt.status for receipt in receipts], "text"),
        array_of(texts, "text"),
        _lists([row.days for row in rows], np.dtype(np.int32), pa.int32()),
        _lists([row.daily_pnl for row in rows], np.dtype(np.float64), pa.float64()),
        _fill_lists([row.fills for row in rows]),
    ]
    return pa.Table.from_arrays([*columns, *fact_table(receipts).columns], SCHEMA.names)


def _block_table(block: PartBlock) -> pa.Table:
    jobs, days = block.daily_pnl.shape
    whole = np.arange(jobs + 1) * days
    columns = [
        array_of(block.keys, "text"),
        array_of([block.security] * jobs, "text"),
        array_of(["success"] * jobs, "text"),
        array_of([None] * jobs, "text"),
        _ranges(pa.list_(pa.int32()), whole, _plain(pa.int32(), np.tile(block.days.astype(np.int32), jobs))),
        _ranges(pa.list_(pa.float64()), whole, _plain(pa.float64(), block.daily_pnl.ravel())),
        _fill_lists([None] * jobs)
        if block.fills is None or block.ends is None
        else _ranges(_FILLS, np.concatenate([[0], block.ends]), _structs(block.fills)),
    ]
    return pa.Table.from_arrays([*columns, *table_of(block.facts, FACT_KINDS).columns], SCHEMA.names)


def _receipts(rows: Rows) -> Iterable[Receipt]:
    if not isinstance(rows, PartBlock):
        return [row.receipt for row in rows]
    like = Receipt("", rows.security, "success")
    measured = zip(rows.keys, rows.facts["digest"], rows.facts["runtime_sec"].tolist(), strict=True)
    return [_placed(like, key=key, digest=digest, runtime_sec=seconds) for key, digest, seconds in measured]


def _fill_count(rows: Rows) -> int:
    if isinstance(rows, PartBlock):
        return rows.fill_count
    return sum(len(row.fills) for row in rows if row.fills is not None)


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
                    lists = _one(table.column("fills"))
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
    found = receipts_with_facts(keys, securities, table.select(list(FACT_KINDS)))
    receipts = [receipt_of(text) if text else receipt for text, receipt in zip(texts, found, strict=True)]
    return [_placed(receipt, part=part, row=number, sha256=sha256) for number, receipt in enumerate(receipts)]


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


def _placed(receipt: Receipt, **place: Any) -> Receipt:
    """Return what `dataclasses.replace` does in an eighth of the time: this is done for every job."""
    placed = object.__new__(Receipt)
    vars(placed).update(vars(receipt), **place)
    return placed


def receipt_text(receipt: Receipt) -> str:
    """Return all of `receipt` but where it lies, as JSON."""
    facts = dict(vars(receipt))
    for name in _PLACE:
        del facts[name]
    return to_text(facts)


def receipt_of(text: str, **place: Any) -> Receipt:
    """Return the receipt in a text from `receipt_text`; what later versions may add is left out."""
    facts: dict[str, Any] = parsed(text)
    for name in facts.keys() - _RECEIPT_FIELDS:
        del facts[name]
    for name in _MONEY:
        if facts.get(name, 0.0) is None:
            facts[name] = math.nan
    facts["notes"] = tuple(facts.get("notes", ()))
    facts.update(place)
    return Receipt(**facts)


_RECEIPT_FIELDS: Final = frozenset(field.name for field in dataclasses.fields(Receipt))


def _fills_at(table: pa.Table, receipt: Receipt, row: int, path: Path) -> pa.Table:
    if table.column("key")[row].as_py() != receipt.key:
        raise StorageError(f"{path}: row {receipt.row} is another job's")
    fills = _one(table.column("fills"))[row]
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


def _lists(values: Sequence[np.ndarray | None], dtype: np.dtype[Any], kind: pa.DataType) -> pa.Array:
    joined = np.concatenate([np.empty(0, dtype), *(value for value in values if value is not None)]).astype(dtype)
    return _list_array(pa.list_(kind), values, _plain(kind, joined))


def _fill_lists(tables: Sequence[pa.Table | None]) -> pa.Array:
    kept = [table for table in tables if table is not None]
    if kept:
        joined = pa.concat_tables([table.replace_schema_metadata(None) for table in kept])
        return _list_array(_FILLS, tables, _structs(joined))
    columns = [pa.nulls(0, kind) for kind in _FILL_TYPES]
    return _list_array(_FILLS, tables, pa.StructArray.from_arrays(columns, fields=list(_FILL)))


def _structs(fills: pa.Table) -> pa.Array:
    return pa.StructArray.from_arrays([_one(fills.column(name)) for name in FILL_COLUMNS], fields=list(_FILL))


def _plain(kind: pa.DataType, values: np.ndarray) -> pa.Array:
    """Return `values` as they lie in memory; pa.array would do, but imports pandas."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _ranges(kind: pa.DataType, bounds: np.ndarray, child: pa.Array) -> pa.Array:
    """Return a list array without nulls, list k from `bounds[k]` to `bounds[k + 1]` of `child`."""
    return pa.Array.from_buffers(kind, len(bounds) - 1, [None, pa.py_buffer(bounds.astype(np.int32))], children=[child])


def _list_array(kind: pa.DataType, values: Sequence[Any], child: pa.Array) -> pa.Array:
    """Return a list array whose lists have the lengths of `values`, null where one is None."""
    present = np.array([value is not None for value in values], bool)
    validity = pa.py_buffer(np.packbits(present, bitorder="little"))
    offsets = _offsets([0 if value is None else len(value) for value in values])
    return pa.Array.from_buffers(kind, len(values), [validity, offsets], children=[child])


def _offsets(lengths: Sequence[int]) -> pa.Buffer:
    """Return the offsets of an Arrow list; pa.array would do all this, but imports pandas."""
    return pa.py_buffer(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32))


def _one(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
