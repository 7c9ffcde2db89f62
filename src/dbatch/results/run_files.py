"""What stands in the folder of one run of a batch, as text; nothing is read or written here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from json import JSONEncoder
from typing import Any, Final

import numpy as np

from dbatch.metrics.portfolio import capital_of
from dbatch.model import Receipt
from dbatch.quick_json import parsed
from dbatch.results.batch_names import BATCH_RUN_SCHEMA
from dbatch.results.columns import csv_bytes, numbers, taken, utf8
from dbatch.results.daily_pnl import Daily
from dbatch.results.export import SUMMARY_COLUMNS, summary_cells
from dbatch.results.folder import (
    EQUITY_NAME,
    LOG_NAME,
    MANIFEST_NAME,
    ORDERS_NAME,
    POSITIONS_NAME,
    SUMMARY_NAME,
    TRADES_ENDING,
)
from dbatch.results.job_table import JOB_KINDS, JobTable
from dbatch.results.ledger import Ledger
from dbatch.results.part import is_lean
from dbatch.results.row_texts import TextColumns
from dbatch.results.run_account import equity_csv, positions_csv
from dbatch.results.verified import Words

_FIRST: Final = ("security", "key", "status", "error", "digest", "part", "row")
_OF_RUN: Final = ("run", "run_id", "strategy", "params_hash")
_RECORD: Final = (*_FIRST, *(name for name in JOB_KINDS if name not in (*_FIRST, *_OF_RUN)))
"""What the manifest of a run says of each of its jobs."""

_RUNS_AT_ONCE: Final = 1_000

_json: Final = JSONEncoder(ensure_ascii=False, separators=(",\n ", ": ")).encode  # by far the fastest way
_SPEC: Final = ("arguments", "parameters", "fees", "tags", "priority", "timeout", "origin")
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run by their names: those of `texts` as they are, those of `trades` from (part, row).

    The manifest is one of the texts; it says all that the trades depend on. Where there are trades there is a file of
    orders: of each of `trades`, in their order, `owners` has the security and the key of its job; `fees` are the rules.
    """

    name: str
    texts: Mapping[str, bytes]
    trades: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    fees: Mapping[str, float] | None = None

    @property
    def names(self) -> set[str]:
        """Return the names of all files."""
        return {*self.texts, *self.trades, *([ORDERS_NAME] if self.trades else [])}


MOST_FOLDERS: Final = 5_000
"""Making two small files for each of ten thousand runs takes as long as computing them."""


def run_folder_name(number: int, run_id: str) -> str:
    """Return what the folder of a run is called; an id that no batch file can give never becomes a path.

    >>> run_folder_name(7, "quote_size_500"), run_folder_name(7, "../x")
    ('0007_quote_size_500', '0007_run-d6b96a97')
    """
    plain = run_id if _PLAIN_ID.fullmatch(run_id) else f"run-{hashlib.sha256(utf8(run_id)).hexdigest()[:8]}"
    return f"{number:04d}_{plain}"


def run_folders(facts: Mapping[str, Any], ledger: Ledger, summary: TextColumns, jobs: JobTable) -> Iterator[RunFolder]:
    """Yield the folder of each run in order; `summary` has the columns of `batch_summary`.

    Of more than `MOST_FOLDERS` runs those alone have one that did not succeed, or whose fills are kept.
    """
    file_names = _file_names(facts)
    about = {
        "batch_name": facts.get("batch", {}).get("batch_name"),
        "git_commit_hash": facts.get("environment", {}).get("git", {}).get("commit"),
    }
    first = np.searchsorted(jobs.run_of, np.arange(len(summary["run_id"]) + 1))
    chosen = _chosen(summary["status"], jobs)
    asked = compress(ledger.runs_as_text() if chosen.any() else (), chosen)
    places = iter(np.flatnonzero(chosen).tolist())
    while some := list(islice(places, _RUNS_AT_ONCE)):
        rows = _rows(jobs, np.concatenate([np.arange(first[place], first[place + 1]) for place in some]))
        for place, (number, run_id, spec) in zip(some, asked, strict=False):
            run = {name: summary[name][place] for name in ("status", "error")}
            run |= {**about, "run_id": run_id, "run_index": number, "runtime_sec": float(summary["runtime_sec"][place])}
            yield _folder(run, parsed(spec), list(islice(rows, int(first[place + 1] - first[place]))), file_names)


@dataclass(frozen=True)
class _Row:
    """A job of a run: what the manifest says of it, what it said itself, its daily P&L, and the capital of its own."""

    record: dict[str, Any]
    words: Words
    daily: Daily | None
    capital: float | None


def _chosen(statuses: Sequence[str | None], jobs: JobTable) -> np.ndarray:
    """Return for each run whether it has a folder: bool."""
    runs = len(statuses)
    if runs <= MOST_FOLDERS:
        return np.ones(runs, bool)
    lean_parts = np.array([is_lean(part) for part in jobs.found.parts], bool)
    lies = numbers(jobs.found.facts.column("part")).astype(np.int64)
    has_lean = np.zeros(runs, bool)
    good = jobs.places >= 0
    has_lean[jobs.run_of[good][lean_parts[lies[jobs.places[good]]]]] = True
    has_lean &= [status == "success" for status in statuses]
    return ~has_lean


def _rows(jobs: JobTable, rows: np.ndarray) -> Iterator[_Row]:
    """Yield the jobs in `rows` of the table."""
    table = taken(jobs.table, rows)
    lies = taken(jobs.found.facts.select(["part", "row", "capital"]), jobs.places[rows])
    columns = {name: table.column(name).to_pylist() for name in _RECORD if name in JOB_KINDS}
    columns["part"] = [None if part is None else jobs.found.parts[part] for part in lies.column("part").to_pylist()]
    columns["row"] = lies.column("row").to_pylist()
    columns["error"] = [jobs.others[row].error if row in jobs.others else None for row in rows.tolist()]
    records = zip(*(columns[name] for name in _RECORD), strict=True)
    capitals = lies.column("capital").to_pylist()
    for row, record, capital in zip(rows.tolist(), records, capitals, strict=True):
        yield _Row(dict(zip(_RECORD, record, strict=True)), jobs.words(row), jobs.daily(row), capital)


def _folder(
    run: Mapping[str, Any], spec: Mapping[str, Any], jobs: Sequence[_Row], file_names: Mapping[str, str]
) -> RunFolder:
    records = [job.record for job in jobs]
    trades: dict[str, tuple[str, int]] = {}
    owners: dict[str, tuple[str, str]] = {}
    texts = {LOG_NAME: _log(run, records, [job.words for job in jobs])}
    good = [record for record in records if record["status"] == "success"]
    if _keeps_fills(records):
        names = [f"{_file_name(record['security'], file_names)}{TRADES_ENDING}" for record in good]
        trades = {name: (record["part"], record["row"]) for name, record in zip(names, good, strict=True)}
        owners = {name: (record["security"], record["key"]) for name, record in zip(names, good, strict=True)}
        texts[SUMMARY_NAME] = _summary(records)
        texts[POSITIONS_NAME] = positions_csv(good)
        account = [(job.daily, job.capital) for job in jobs if job.daily is not None]
        if len(account) == len(good):
            texts[EQUITY_NAME] = equity_csv(
                [daily for daily, _ in account], capital_of(capital for _, capital in account)
            )
    manifest = {
        "schema": BATCH_RUN_SCHEMA,
        **{name: run[name] for name in ("run_id", "run_index", "batch_name", "status", "runtime_sec")},
        "config_hash": spec.get("params_hash"),
        "git_commit_hash": run["git_commit_hash"],
        "error": run["error"],
        "run_spec": {name: spec.get(name) for name in _SPEC},
        "jobs": records,
    }
    folder = RunFolder(run_folder_name(run["run_index"], run["run_id"]), texts, trades, owners, spec.get("fees"))
    manifest["artifacts"] = sorted(folder.names | {MANIFEST_NAME})
    texts[MANIFEST_NAME] = utf8(f"{_json(manifest)}\n")
    return folder


def _keeps_fills(records: Sequence[Mapping[str, Any]]) -> bool:
    good = [record for record in records if record["status"] == "success"]
    return bool(good) and not any(is_lean(record["part"]) for record in good)


def _log(run: Mapping[str, Any], records: Sequence[Mapping[str, Any]], words: Sequence[Words]) -> bytes:
    lines = [f"run {run['run_index']} {run['run_id']}: {run['status']}"]
    for record, said in zip(records, words, strict=True):
        facts = f"{record['trades']} fills" if record["status"] == "success" else record["error"]
        seconds = "" if record["runtime_sec"] is None else f" ({record['runtime_sec']:.3f} s)"
        lines.append(f"{record['security']} {record['status']}: {facts}{seconds}")
        lines.extend(f"{record['security']} note: {note}" for note in said.notes)
    for record, said in zip(records, words, strict=True):
        for heading, text in (("traceback", said.details), ("output", said.output)):
            if text:
                lines.extend(["", f"--- {record['security']}: {heading}", text.rstrip("\n")])
    return utf8("\n".join(lines) + "\n")


def _summary(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return `backtest_summary.csv`, as `dbatch run` writes it."""
    names = ("key", *SUMMARY_COLUMNS)
    known = ({name: record[name] for name in names if record[name] is not None} for record in records)
    return csv_bytes([SUMMARY_COLUMNS, *(summary_cells(Receipt(**values)) for values in known)])


def _file_names(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of securities as they may stand in a file's, for those of whom the inputs tell it."""
    securities = [pair for inputs in facts.get("inputs", ()) for pair in inputs.get("securities", {}).items()]
    return {name: about["file_name"] for name, about in securities if about.get("file_name")}


def _file_name(security: str, told: Mapping[str, str]) -> str:
    if security in told or _PLAIN_NAME.fullmatch(security):
        return told.get(security, security)
    return f"security-{hashlib.sha256(utf8(security)).hexdigest()[:8]}"
