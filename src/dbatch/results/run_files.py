"""What stands in the folder of one run of a batch, as text; nothing is read or written here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from json import JSONEncoder
from typing import Any, Final

from dbatch.model import Receipt
from dbatch.results.columns import csv_bytes, utf8
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
from dbatch.results.job_table import JOB_KINDS, JobTable, Words
from dbatch.results.ledger import Ledger
from dbatch.results.part import is_lean
from dbatch.results.run_account import equity_csv, positions_csv
from dbatch.results.verified import Daily

_FIRST: Final = ("security", "key", "status", "error", "digest", "part", "row")
_OF_RUN: Final = ("run", "run_id", "strategy", "params_hash")
_RECORD: Final = (*_FIRST, *(name for name in JOB_KINDS if name not in (*_FIRST, *_OF_RUN)))
"""What the manifest of a run says of each of its jobs."""

_PART: Final = _RECORD.index("part")

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


def run_folders(
    facts: Mapping[str, Any],
    ledger: Ledger,
    summary: Mapping[str, Sequence[Any]],
    jobs: JobTable,
    daily: Mapping[str, Daily],
) -> Iterator[RunFolder]:
    """Yield the folder of each run in order; `summary` has the columns of `batch_summary`, `daily` P&L by job key.

    Of more than `MOST_FOLDERS` runs those alone have one that did not succeed, or whose fills are kept.
    """
    file_names = _file_names(facts)
    about = {
        "batch_name": facts.get("batch", {}).get("batch_name"),
        "git_commit_hash": facts.get("environment", {}).get("git", {}).get("commit"),
    }
    rows = zip(*(jobs.columns[name] for name in _RECORD), jobs.words, strict=True)
    is_many = len(summary["run_id"]) > MOST_FOLDERS
    for place, (number, run_id, spec) in enumerate(ledger.runs()):
        run = {name: summary[name][place] for name in ("status", "runtime_sec", "error")}
        run |= {**about, "run_id": run_id, "run_index": number}
        own = list(islice(rows, summary["securities"][place]))
        if is_many and run["status"] == "success" and any(is_lean(row[_PART]) for row in own):
            continue
        records = [dict(zip(_RECORD, row, strict=False)) for row in own]  # the words, last in a row, are left out
        yield _folder(run, spec, records, [row[-1] for row in own], file_names, daily)


def _folder(
    run: Mapping[str, Any],
    spec: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    words: Sequence[Words],
    file_names: Mapping[str, str],
    daily: Mapping[str, Daily],
) -> RunFolder:
    trades: dict[str, tuple[str, int]] = {}
    owners: dict[str, tuple[str, str]] = {}
    texts = {LOG_NAME: _log(run, records, words)}
    good = [record for record in records if record["status"] == "success"]
    if _keeps_fills(records):
        names = [f"{_file_name(record['security'], file_names)}{TRADES_ENDING}" for record in good]
        trades = {name: (record["part"], record["row"]) for name, record in zip(names, good, strict=True)}
        owners = {name: (record["security"], record["key"]) for name, record in zip(names, good, strict=True)}
        texts[SUMMARY_NAME] = _summary(records)
        texts[POSITIONS_NAME] = positions_csv(good)
        account = [daily[record["key"]] for record in good if record["key"] in daily]
        if len(account) == len(good):
            texts[EQUITY_NAME] = equity_csv(account)
    manifest = {
        "schema": "dbatch.batch_run/1",
        **{name: run[name] for name in ("run_id", "run_index", "batch_name", "status", "runtime_sec")},
        "config_hash": spec.get("params_hash"),
        "git_commit_hash": run["git_commit_hash"],
        "error": run["error"],
        "run_spec": {name: spec.get(name) for name in _SPEC},
        "jobs": list(records),
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
