"""The facts of a success as columns: what its receipt says, of many jobs at once, in the part that holds the rest.

A job that did not succeed has none; its receipt is text, and lies in the ledger too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa

from dbatch.metrics.names import METRIC_UNITS
from dbatch.model import Receipt
from dbatch.quick_json import parsed, to_text
from dbatch.results.columns import Kind, table_of
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS

_UNIT_KINDS: Final[Mapping[str, Kind]] = {"count": "int", "calendar days": "int", "date": "date"}
_METRIC_KINDS: Final[Mapping[str, Kind]] = {
    name: _UNIT_KINDS.get(METRIC_UNITS[name], "float") for name in (*METRIC_COLUMNS, *JOB_METRIC_COLUMNS)
}
FACT_KINDS: Final[Mapping[str, Kind]] = {
    "digest": "text",
    "trades": "int",
    "realized_pnl": "float",
    "position": "int",
    "market_dates": "int",
    "strategy_dates": "int",
    **_METRIC_KINDS,
    "capital": "float",
    "first_day": "date",
    "last_day": "date",
    "rows": "int",
    "rows_skipped": "int",
    "runtime_sec": "float",
    "peak_rss_mb": "float",
    "words": "text",
}
"""The columns of facts in their order; `capital` is null for a job that has none of its own, and in parts from before
it was kept; `words` is JSON of what the job said beside its results, null for nothing."""

_NO_METRICS: Final[Mapping[str, Any]] = dict.fromkeys(JOB_METRIC_COLUMNS)
_in_order: Final[Callable[[Mapping[str, Any]], tuple[Any, ...]]] = itemgetter(*FACT_KINDS)
_LATER: Final = ("capital", "fees")
_WORDS: Final = ("notes", "details", "output")
_DATES: Final = frozenset(name for name, kind in _METRIC_KINDS.items() if kind == "date")
_NOT_NULL: Final = ("realized_pnl", "max_drawdown", "turnover")
"""Numbers that every success has; one that is not finite comes back as NaN."""

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()


def fact_table(receipts: Sequence[Receipt]) -> pa.Table:
    """Return the columns of `FACT_KINDS`, a row for each of `receipts`: nulls for those that are no success."""
    rows = [_facts(receipt) if receipt.status == "success" else _NONE for receipt in receipts]
    columns = zip(*rows, strict=True) if rows else ((),) * len(FACT_KINDS)
    return table_of(dict(zip(FACT_KINDS, columns, strict=True)), FACT_KINDS)


def receipts_with_facts(keys: Sequence[str], securities: Sequence[str], facts: pa.Table) -> list[Receipt]:
    """Return the receipts of successes whose facts are the rows of `facts`, which has the columns of `FACT_KINDS`."""
    columns = [_plain(facts.column(name), kind) for name, kind in FACT_KINDS.items()]
    rows = zip(keys, securities, *columns, strict=True)
    return [_receipt(key, security, dict(zip(FACT_KINDS, row, strict=True))) for key, security, *row in rows]


def with_later_facts(table: pa.Table, names: Collection[str]) -> pa.Table:
    """Return `table`, read from a part, with those of `names` that parts did not have once: null."""
    for name in _LATER:
        if name in names and name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.float64()))
    return table


def words_text(notes: Sequence[str], details: str = "", output: str = "") -> str | None:
    """Return what a job said as JSON, None where it said nothing."""
    if not (notes or details or output):
        return None
    return to_text({"notes": list(notes), "details": details, "output": output})


_NONE: Final = (None,) * len(FACT_KINDS)


def _facts(receipt: Receipt) -> tuple[Any, ...]:
    facts = {**_NO_METRICS, **receipt.metrics, **vars(receipt)}
    for name in _DATES:
        facts[name] = _day(facts[name])
    facts["words"] = words_text(receipt.notes, receipt.details, receipt.output)
    return _in_order(facts)


def _receipt(key: str, security: str, facts: dict[str, Any]) -> Receipt:
    words = facts.pop("words")
    metrics = {name: facts.pop(name) for name in JOB_METRIC_COLUMNS}
    for name in _DATES:
        metrics[name] = _date(metrics[name])
    if all(value is None for value in metrics.values()):
        metrics = {}
    for name in _NOT_NULL:
        if facts[name] is None:
            facts[name] = float("nan")
    said = parsed(words) if words else {}
    if said:
        said["notes"] = tuple(said["notes"])
    return Receipt(key, security, "success", metrics=metrics, **facts, **said)


def _plain(column: pa.ChunkedArray, kind: Kind) -> list[Any]:
    return (column.cast(pa.int32()) if kind == "date" else column).to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types


@cache
def _day(date: str | None) -> int | None:
    return None if date is None else dt.date.fromisoformat(date).toordinal() - _EPOCH


@cache
def _date(day: int | None) -> str | None:
    return None if day is None else dt.date.fromordinal(_EPOCH + day).isoformat()
