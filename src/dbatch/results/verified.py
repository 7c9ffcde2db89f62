"""Parts looked at before anything of them is shown: each is hashed once, and the facts and the daily P&L in it read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.quick_json import parsed
from dbatch.results.columns import array_of
from dbatch.results.daily_pnl import DailyPnl, Gathering
from dbatch.results.facts import FACT_KINDS, fact_table, with_later_facts
from dbatch.results.ledger import Ledger
from dbatch.results.part import file_hash

_RECEIPTS: Final = "select key, status, part, row, sha256, receipt from receipts"
_DAILY: Final = ("days", "daily_pnl")


class Words(NamedTuple):
    """What a job said beside its results."""

    notes: tuple[str, ...] = ()
    details: str = ""
    output: str = ""


NO_WORDS: Final = Words()


@dataclass(frozen=True, slots=True)
class Other:
    """A job that has no results to show: what became of it, and why; how long it took, where it ran at all."""

    status: str
    error: str
    runtime_sec: float | None = None
    peak_rss_mb: float | None = None
    words: Words = NO_WORDS


@dataclass(frozen=True)
class Verified:
    """What can be shown of jobs: `places` says by key which row of `facts` a success has, `others` has those without.

    `facts` has the columns of `FACT_KINDS`, and where each lies: its `part`, a place in `parts`, and the `row` there;
    `daily` has daily P&L by the same places. `damaged` are the keys of successes whose part is gone or does not hold
    what was published; they are among the others, as not done.
    """

    places: Mapping[str, int]
    facts: pa.Table
    parts: list[str]
    daily: DailyPnl
    others: Mapping[str, Other]
    damaged: tuple[str, ...]

    def words(self, place: int) -> Words:
        """Return what the success at `place` said."""
        text = self.facts.column("words")[place].as_py()
        return _words(parsed(text)) if text else NO_WORDS


def _words(said: Mapping[str, Any]) -> Words:
    """Return the words in what `facts.words_text` wrote, or in a receipt, as JSON has them."""
    return Words(tuple(said.get("notes", ())), said.get("details", ""), said.get("output", ""))


def verified(folder: Path, ledger: Ledger, keys: Collection[str], *, only: Sequence[str] | None = None) -> Verified:
    """Return what `ledger` and the parts below `folder` have of the jobs called `keys`; each part is looked at once.

    With `only` these facts alone are read, and no daily P&L.
    """
    names = list(FACT_KINDS if only is None else only)
    read = ["key", *names, *(_DAILY if only is None else ())]
    published, others = _told(ledger, keys if isinstance(keys, set) else set(keys))
    places: dict[str, int] = {}
    damaged: list[str] = []
    tables, parts = [_EMPTY.select([*names, *_LIES])], list[str]()
    daily, first = Gathering(), 0
    for part, claims in sorted(published.items()):
        sha256 = file_hash(folder / part)
        table = _read(folder / part, read) if sha256 in claims else None
        held = table.column("key").to_pylist() if table else []
        for claimed, (own, rows) in claims.items():
            bad = own
            if claimed == sha256:
                bad = [key for key, row in zip(own, rows, strict=True) if not (row < len(held) and held[row] == key)]
                places.update(zip(own, [first + row for row in rows], strict=True))
            for key in bad:
                places.pop(key, None)
                state = "gone" if sha256 is None else "damaged"
                others[key] = Other("cancelled", f"its part {part} is {state}; 'dbatch resume' computes it again")
            damaged += bad
        if table:
            tables.append(_facts(table.select(names), np.full(len(held), len(parts)), np.arange(len(held))))
            parts.append(part)
            if only is None:
                daily.add(table)
            first += len(held)
    facts = pa.concat_tables(tables).combine_chunks()
    return Verified(places, facts, parts, daily.done(), others, tuple(sorted(damaged)))


_Claims = dict[str, dict[str, tuple[list[str], list[int]]]]


def _told(ledger: Ledger, keys: set[str]) -> tuple[_Claims, dict[str, Other]]:
    """Return the successes among `keys` by part and hash, as keys and rows; and the other jobs that have a receipt."""
    published: _Claims = defaultdict(lambda: defaultdict(lambda: ([], [])))
    others: dict[str, Other] = {}
    for key, status, part, row, sha256, text in ledger.query(_RECEIPTS):
        if key not in keys:
            continue
        if status == "success":
            claimed, rows = published[part][sha256]
            claimed.append(key)
            rows.append(row)
            continue
        facts = parsed(text)
        seconds, memory = round(facts["runtime_sec"], 6), round(facts["peak_rss_mb"], 1)
        others[key] = Other(status, facts["error"], seconds, memory, _words(facts))
    return published, others


def _read(path: Path, columns: list[str]) -> pa.Table | None:
    """Return what a part holds of its jobs in `columns`; None: it was taken away since, or published damaged."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return with_later_facts(file.read(columns=columns, use_threads=False), columns)
    except (OSError, pa.ArrowException):
        return None


def _facts(facts: pa.Table, part: np.ndarray, row: np.ndarray) -> pa.Table:
    """Return `facts` and where each lies."""
    columns = [*facts.columns, array_of(part, "int"), array_of(row, "int")]
    return pa.Table.from_arrays(columns, [*facts.column_names, *_LIES])


_LIES: Final = ("part", "row")
_EMPTY: Final = _facts(fact_table(()), np.empty(0), np.empty(0))
