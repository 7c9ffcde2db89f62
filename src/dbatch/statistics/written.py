"""`batch_statistics.json` and `.parquet`: the statistics of a batch beside its results."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import OutputError, UsageError
from dbatch.results.batch_names import BATCH_STATISTICS_NAME
from dbatch.results.ledger import reading_ledger
from dbatch.results.publish import parquet_bytes, write_atomically
from dbatch.statistics.likeness import EffectiveTrials
from dbatch.statistics.reading import Trials, ledger_state
from dbatch.statistics.tables import BatchStatistics, Best, SplitResults

SCHEMA: Final = "dbatch.batch_statistics/1"


def statistics_document(found: BatchStatistics) -> dict[str, Any]:
    """Return what `batch_statistics.json` says: all but the rows of runs; `trials` with their `total`."""
    facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found) if field.name != "runs"}
    document = {name: _plain(value) for name, value in facts.items()}
    document["trials"] = {"total": found.trials.total, **document["trials"]}
    return {"schema": SCHEMA, **document}


def write_statistics(folder: Path, found: BatchStatistics) -> tuple[Path, Path]:
    """Write `found` into `folder` and return the files: for the batch, for its runs. Raises StorageError."""
    of_batch, of_runs = _paths(folder)
    write_atomically(of_runs, parquet_bytes(found.runs))
    write_atomically(of_batch, json.dumps(statistics_document(found), indent=2, ensure_ascii=False).encode() + b"\n")
    return of_batch, of_runs


def read_statistics(folder: Path) -> BatchStatistics | None:
    """Return what `write_statistics` wrote there; None where it did not, or the batch has gone on since.

    It reads two files and counts the ledger's rows, whatever the number of runs. Raises OutputError for files that
    cannot be read.
    """
    of_batch, of_runs = _paths(folder)
    if not of_batch.exists() or not of_runs.exists():
        return None
    document = _document(of_batch)
    with reading_ledger(folder) as ledger:
        if document.get("state") != ledger_state(ledger):
            return None
    try:
        runs = pq.read_table(of_runs, page_checksum_verification=True)
        return _statistics(document, runs)
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise _unreadable(of_batch, folder, error) from error


def prior_trials(folder: Path, asked: int | None) -> int:
    """Return how many trials were made before and elsewhere: `asked`, by default as many as were said the last time.

    Raises UsageError for fewer than were said.
    """
    path, _ = _paths(folder)
    said = _document(path).get("trials", {}).get("prior", 0) if path.exists() else 0
    if asked is not None and asked < said:
        raise UsageError(f"prior-trials is {asked}, must be {said} or more: so many were said before, see {path}")
    return int(said if asked is None else asked)


def _paths(folder: Path) -> tuple[Path, Path]:
    return folder / f"{BATCH_STATISTICS_NAME}.json", folder / f"{BATCH_STATISTICS_NAME}.parquet"


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, path.parent, error) from error
    return document if isinstance(document, dict) else {}


def _unreadable(path: Path, folder: Path, error: Exception) -> OutputError:
    return OutputError(f"{path}: not readable ({error}); remove it, 'dbatch stats {folder}' makes it again")


def _statistics(document: dict[str, Any], runs: pa.Table) -> BatchStatistics:
    """Return the values in `document`; names that a later version may add are left out."""
    parts = {"trials": Trials, "best": Best, "splits": SplitResults, "effective": EffectiveTrials}
    facts = {field.name: document[field.name] for field in dataclasses.fields(BatchStatistics) if field.name != "runs"}
    for name, kind in parts.items():
        if facts[name] is not None:
            facts[name] = kind(**{field.name: facts[name][field.name] for field in dataclasses.fields(kind)})
    return BatchStatistics(**facts, runs=runs)


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
