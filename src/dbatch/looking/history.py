"""Batches one after the other: what each came to, and whether a study gets anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dbatch.errors import DbatchError, OutputError
from dbatch.results.batch_names import BATCH_SUMMARY_NAME
from dbatch.results.ledger import LEDGER_NAME
from dbatch.upkeep.status import BatchStatus, read_status
from dbatch.upkeep.subject import reading


@dataclass(frozen=True)
class Entry:
    """One batch or run of a history.

    `study` is what it belongs to: the one it was given, else the name in its batch file, whatever its folder is
    called. `best_run` is the run with the highest Sharpe ratio, `best_sharpe` that ratio (annualised), `change` what
    it is above that of the batch of the same study before; None where one of them is not known.
    """

    folder: Path
    name: str
    study: str
    tags: tuple[str, ...]
    state: str
    started_at: str | None
    finished_at: str | None
    runs: int
    succeeded: int
    unsuccessful: int
    best_run: str | None
    best_sharpe: float | None
    change: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {**vars(self), "folder": str(self.folder), "tags": list(self.tags)}


def history(root: Path, *, study: str | None = None) -> tuple[list[Entry], list[str]]:
    """Return the batches and runs below `root`, the oldest first, and what could not be read; nothing is written.

    With `study` those that belong to it alone. Raises OutputError for a root that is no folder.
    """
    if not root.is_dir():
        raise OutputError(f"{root}: no such folder; name one that holds folders of batches")
    entries, faults = [], []
    for folder in folders_below(root):
        try:
            entry = _entry(folder)
        except DbatchError as error:
            faults.append(str(error))
            continue
        if study is None or entry.study == study:
            entries.append(entry)
    entries.sort(key=lambda entry: (entry.started_at or "", str(entry.folder)))
    return list(_with_changes(entries)), faults


def folders_below(root: Path) -> Iterator[Path]:
    """Yield the folders that hold a batch or a run, `root` itself or below it; none within another, no links."""
    for top, folders, files in os.walk(root):
        folders[:] = [] if LEDGER_NAME in files else sorted(name for name in folders if not name.startswith("."))
        if LEDGER_NAME in files:
            yield Path(top)


def _entry(folder: Path) -> Entry:
    status = read_status(folder)
    with reading(folder) as (subject, _):
        facts = subject.facts
    batch, options = facts.get("batch") or {}, facts.get("options") or {}
    written = (batch.get("document") or {}).get("batch_name") or status.name
    tags = [*str(batch.get("run_tag") or "").split("_"), *(options.get("tags") or ())]
    best_run, best_sharpe = _best(folder)
    return Entry(
        folder=folder,
        name=status.name,
        study=str(batch.get("study") or options.get("study") or written),
        tags=tuple(dict.fromkeys(str(tag) for tag in tags if tag)),
        state=status.state,
        started_at=status.started_at,
        finished_at=status.finished_at,
        runs=_runs(status).total,
        succeeded=_runs(status).statuses.get("success", 0),
        unsuccessful=_runs(status).unsuccessful,
        best_run=best_run,
        best_sharpe=best_sharpe,
    )


def _runs(status: BatchStatus) -> Any:
    return status.runs if status.kind == "batch" else status.jobs


def _best(folder: Path) -> tuple[str | None, float | None]:
    """Return the run with the highest Sharpe ratio in the derived summary, None of what is not there."""
    try:
        with pq.ParquetFile(folder / f"{BATCH_SUMMARY_NAME}.parquet", page_checksum_verification=True) as file:
            table = file.read(columns=["run_id", "sharpe"], use_threads=False)
    except (OSError, pa.ArrowException):  # not ended yet, or damaged: 'dbatch doctor' tells
        return None, None
    best = pc.max(table.column("sharpe")).as_py()
    if best is None:
        return None, None
    return table.column("run_id")[table.column("sharpe").to_pylist().index(best)].as_py(), best


def _with_changes(entries: list[Entry]) -> Iterator[Entry]:
    before: dict[str, float] = {}
    for entry in entries:
        known, best = before.get(entry.study), entry.best_sharpe
        yield entry if known is None or best is None else replace(entry, change=best - known)
        if best is not None:
            before[entry.study] = best
