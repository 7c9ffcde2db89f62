"""The files of a batch that people and programs read, made from its ledger and parts; all of it can be made again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import OutputError
from dbatch.quick_json import parsed
from dbatch.results.batch_manifest import json_pieces, manifest_document, summary_document
from dbatch.results.batch_names import BATCH_FILE_NAMES, BATCH_MANIFEST_NAME, BATCH_SUMMARY_NAME, RESULTS_NAME
from dbatch.results.columns import array_of_any, table_of, taken
from dbatch.results.job_table import JobTable, job_table
from dbatch.results.ledger import DERIVED, Ledger
from dbatch.results.objective import best_run
from dbatch.results.part import file_hash
from dbatch.results.planned import Runs, planned_jobs, planned_runs
from dbatch.results.publish import parquet_bytes, write_pieces
from dbatch.results.row_texts import TextColumns, csv_pieces
from dbatch.results.run_files import run_folders as folders_of_runs
from dbatch.results.run_folders import write_run_folders
from dbatch.results.run_table import RUN_KINDS, run_table
from dbatch.results.verified import verified
from dbatch.schema import JOB_RESULT_COLUMNS

_DISTINCT: Final = frozenset({"run_id", "params_hash", "key", "digest"})


@dataclass(frozen=True)
class Consolidation:
    """What the files say: how many runs and jobs there are of each status that occurs.

    `damaged` are the keys of jobs that succeeded, but whose part is gone or is not what was published: they are
    shown as `cancelled`. `best` is the best run, as `objective.best_run` has it, where the batch has an objective.
    """

    runs: Mapping[str, int]
    jobs: Mapping[str, int]
    damaged: tuple[str, ...]
    best: Mapping[str, Any] | None = None


def consolidate(folder: Path, ledger: Ledger, *, run_folders: bool = True) -> Consolidation:
    """Write the files of the batch in `folder` from its ledger and parts, and return what they say.

    Every part is hashed before anything of it is shown. The same ledger and parts give the same bytes. With
    `run_folders` the folders of the runs are written too, and the ledger is told what the files hold. Raises
    StorageError.
    """
    facts = ledger.facts()
    tables = _tables(folder, ledger)
    jobs, summary = tables.jobs, tables.summary
    counts = Counter(["success"] * (len(jobs.places) - len(jobs.others)))
    counts.update(other.status for other in jobs.others.values())
    hashes = {RESULTS_NAME: write_pieces(folder / RESULTS_NAME, [_parquet(_results(tables))])}
    best = _best(facts, ledger, summary)
    hashes |= _write_summary(folder, facts, summary, best)
    if run_folders:
        write_run_folders(folder, folders_of_runs(facts, ledger, summary, jobs))
    document = manifest_document(facts, ledger, summary, counts, best)
    hashes[BATCH_MANIFEST_NAME] = write_pieces(folder / BATCH_MANIFEST_NAME, json_pieces(document))
    if run_folders:
        ledger.remember(**{DERIVED: hashes})
    return Consolidation(dict(Counter(summary["status"])), dict(counts), jobs.found.damaged, best)


def summary_of(folder: Path, ledger: Ledger) -> pa.Table:
    """Return what `batch_summary.parquet` would hold now, from verified parts; nothing is written."""
    return table_of(_tables(folder, ledger).summary, RUN_KINDS)


def tables_now(folder: Path, ledger: Ledger) -> tuple[pa.Table, pa.Table]:
    """Return what `batch_summary.parquet` and `results.parquet` would hold now, from verified parts."""
    tables = _tables(folder, ledger)
    return table_of(tables.summary, RUN_KINDS), _results(tables)


def is_consolidated(folder: Path, derived: Mapping[str, str] | None) -> bool:
    """Return whether the files of the batch hold what `consolidate` told the ledger, as its fact `DERIVED`."""
    return derived is not None and derived == _hashes(folder)


def read_results(folder: Path) -> pa.Table:
    """Return `results.parquet`, a row per job. Raises OutputError where there is none, or it is damaged."""
    return _read(folder / RESULTS_NAME)


def read_summary(folder: Path) -> pa.Table:
    """Return `batch_summary.parquet`, a row per run. Raises OutputError where there is none, or it is damaged."""
    return _read(folder / f"{BATCH_SUMMARY_NAME}.parquet")


def best_of(folder: Path) -> Mapping[str, Any] | None:
    """Return the best run as `batch_manifest.json` tells it, None where it tells none. Raises OutputError."""
    path = folder / BATCH_MANIFEST_NAME
    try:
        found: Mapping[str, Any] | None = json.loads(path.read_bytes()).get("best")
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: not readable ({error}); 'dbatch merge {folder}' makes it again") from error
    return found


def result_digest(folder: Path) -> str:
    """Return the SHA-256 of all result columns of `results.parquet`, bit for bit, rows in their order.

    It covers the fills by their digests, and no measurement: however a batch is carried out it is the same. Raises
    OutputError.
    """
    results = _read(folder / RESULTS_NAME, JOB_RESULT_COLUMNS)
    digest = hashlib.sha256()
    for name in JOB_RESULT_COLUMNS:
        column = results.column(name)
        digest.update(f"{name}:{column.type}:{len(column)}:".encode())
        if column.type == pa.string():
            digest.update(json.dumps(column.to_pylist()).encode())
            continue
        digest.update(np.array(column.is_valid().to_pylist(), bool).tobytes())
        for chunk in column.drop_null().chunks:
            digest.update(np.from_dlpack(chunk).astype("<f8" if column.type == pa.float64() else "<i8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Tables:
    """The planned runs, and what became of them and of their jobs."""

    runs: Runs
    jobs: JobTable
    summary: TextColumns


def _tables(folder: Path, ledger: Ledger) -> _Tables:
    runs, planned = planned_runs(ledger), planned_jobs(ledger)
    jobs = job_table(runs, planned, verified(folder, ledger, set(planned.keys)))
    return _Tables(runs, jobs, run_table(runs, jobs))


def _hashes(folder: Path) -> dict[str, str | None]:
    return {name: file_hash(folder / name) for name in BATCH_FILE_NAMES}


def _results(tables: _Tables) -> pa.Table:
    table = tables.jobs.table
    for name, of_run in tables.runs.parameters.items():
        table = table.append_column(f"param.{name}", taken(array_of_any(of_run), tables.jobs.run_of))
    return table


def _best(facts: Mapping[str, Any], ledger: Ledger, summary: TextColumns) -> dict[str, Any] | None:
    """Return the best run by the objective that the batch was given, None where it was given none."""
    objective = facts.get("options", {}).get("objective")
    if objective is None:
        return None
    found = best_run(objective, summary, {})
    if found["run_id"] is not None:
        ((spec,),) = ledger.query("select spec from runs where run_id = ? order by run limit 1", found["run_id"])
        found["parameters"] = parsed(spec).get("parameters", {})
    return found


def _write_summary(
    folder: Path, facts: Mapping[str, Any], summary: TextColumns, best: Mapping[str, Any] | None
) -> dict[str, str]:
    """Write `batch_summary` in all its forms, and return the hashes of the files."""
    forms = {
        "csv": csv_pieces(summary, RUN_KINDS),
        "json": json_pieces(summary_document(facts, summary, best)),
        "parquet": [_parquet(table_of(summary, RUN_KINDS))],
    }
    names = {ending: f"{BATCH_SUMMARY_NAME}.{ending}" for ending in forms}
    return {names[ending]: write_pieces(folder / names[ending], pieces) for ending, pieces in forms.items()}


def _parquet(table: pa.Table) -> bytes:
    """Return `table` as a Parquet file with dictionaries where they are worth it: of texts that many rows have."""
    texts_in = [field.name for field in table.schema if field.type == pa.string()]
    return parquet_bytes(table, dictionaries=[name for name in texts_in if name not in _DISTINCT])


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: not readable ({error}); 'dbatch merge {path.parent}' makes it again") from error
