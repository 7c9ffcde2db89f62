"""The rows of a part before it is written: of single jobs, or of many at once as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.model import Receipt
from dbatch.results.columns import array_of, in_one, table_of
from dbatch.results.facts import FACT_KINDS, fact_table
from dbatch.results.receipt_text import placed, receipt_text
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


def table_of_rows(blocks: Iterable[Rows]) -> pa.Table:
    """Return the rows of `blocks` in their order as one table of `SCHEMA`."""
    return pa.concat_tables(
        [_block_table(rows) if isinstance(rows, PartBlock) else _table(rows) for rows in _merged(blocks)]
    )


def keys_of(rows: Rows) -> Sequence[str]:
    """Return the keys of the jobs whose rows these are."""
    return rows.keys if isinstance(rows, PartBlock) else [row.receipt.key for row in rows]


def placed_receipts(rows: Rows, part: str, sha256: str, first: int) -> list[Receipt]:
    """Return the receipts of `rows`, which lie in `part` with that hash from row `first` on."""
    if not isinstance(rows, PartBlock):
        return [placed(row.receipt, part=part, row=place, sha256=sha256) for place, row in enumerate(rows, first)]
    like = Receipt("", rows.security, "success", part=part, sha256=sha256)
    measured = zip(rows.keys, rows.facts["digest"], rows.facts["runtime_sec"].tolist(), strict=True)
    return [
        placed(like, key=key, row=place, digest=digest, runtime_sec=seconds)
        for place, (key, digest, seconds) in enumerate(measured, first)
    ]


def fill_count(rows: Rows) -> int:
    if isinstance(rows, PartBlock):
        return rows.fill_count
    return sum(len(row.fills) for row in rows if row.fills is not None)


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
    bounds = np.arange(jobs + 1) * days
    columns = [
        array_of(block.keys, "text"),
        array_of([block.security] * jobs, "text"),
        array_of(["success"] * jobs, "text"),
        pa.nulls(jobs, pa.string()),
        _ranges(pa.list_(pa.int32()), bounds, _plain(pa.int32(), np.tile(block.days.astype(np.int32), jobs))),
        _ranges(pa.list_(pa.float64()), bounds, _plain(pa.float64(), block.daily_pnl.ravel())),
        _fill_lists([None] * jobs)
        if block.fills is None or block.ends is None
        else _ranges(_FILLS, np.concatenate([[0], block.ends]), _structs(block.fills)),
    ]
    return pa.Table.from_arrays([*columns, *table_of(block.facts, FACT_KINDS).columns], SCHEMA.names)


def _merged(blocks: Iterable[Rows]) -> Iterator[Rows]:
    """Yield `blocks`, those that follow one another as one where they are of one kind and have the same days."""
    for _, group in groupby(blocks, _alike):
        alike = list(group)
        columns = [rows for rows in alike if isinstance(rows, PartBlock)]
        if columns:
            yield _joined(columns) if len(columns) > 1 else columns[0]
        else:
            yield [row for rows in alike if not isinstance(rows, PartBlock) for row in rows]


def _alike(rows: Rows) -> Any:
    return (rows.security, rows.days.tobytes(), rows.fills is None) if isinstance(rows, PartBlock) else None


def _joined(blocks: Sequence[PartBlock]) -> PartBlock:
    first = blocks[0]
    facts = {name: _chained([block.facts[name] for block in blocks]) for name in first.facts}
    daily = np.concatenate([block.daily_pnl for block in blocks])
    keys = [key for block in blocks for key in block.keys]
    if first.fills is None:
        return PartBlock(keys, first.security, facts, first.days, daily)
    fills = pa.concat_tables([block.fills for block in blocks])
    before = np.cumsum([0, *(block.fill_count for block in blocks)])
    ends = np.concatenate([block.ends + begin for block, begin in zip(blocks, before, strict=False)])
    return PartBlock(keys, first.security, facts, first.days, daily, fills, ends)


def _chained(columns: Sequence[Any]) -> Any:
    return np.concatenate(columns) if isinstance(columns[0], np.ndarray) else [one for some in columns for one in some]


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
    return pa.StructArray.from_arrays([in_one(fills.column(name)) for name in FILL_COLUMNS], fields=list(_FILL))


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
