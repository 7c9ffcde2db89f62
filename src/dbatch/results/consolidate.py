"""The files of a batch that people and programs read, made from its ledger and parts; all of it can be made again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.errors import OutputError
from dbatch.results.batch_manifest import json_text, manifest_document, summary_document
from dbatch.results.batch_names import BATCH_FILE_NAMES, BATCH_MANIFEST_NAME, BATCH_SUMMARY_NAME, RESULTS_NAME
from dbatch.results.columns import csv_bytes, kind_of, table_of, texts
from dbatch.results.export import csv_cell
from dbatch.results.job_table import JOB_KINDS, JobTable, RunRow, job_table, kept_jobs
from dbatch.results.ledger import DERIVED, Ledger
from dbatch.results.objective import best_run
from dbatch.results.part import file_hash
from dbatch.results.publish import parquet_bytes, write_atomically
from dbatch.results.run_files import run_folders as folders_of_runs
from dbatch.results.run_folders import write_run_folders
from dbatch.results.run_table import RUN_KINDS, run_table
from dbatch.results.verified import Daily, verify_parts
from dbatch.schema import JOB_RESULT_COLUMNS


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
    counts = Counter(jobs.columns["status"])
    write_atomically(folder / RESULTS_NAME, parquet_bytes(_results(jobs, tables.parameters)))
    best = _best(facts, ledger, summary)
    _write_summary(folder, facts, summary, best)
    if run_folders:
        write_run_folders(folder, folders_of_runs(facts, ledger, summary, jobs, tables.daily))
    write_atomically(folder / BATCH_MANIFEST_NAME, json_text(manifest_document(facts, ledger, summary, counts, best)))
    if run_folders:
        ledger.remember(**{DERIVED: _hashes(folder)})
    return Consolidation(dict(Counter(summary["status"])), dict(counts), tables.damaged, best)


def summary_of(folder: Path, ledger: Ledger) -> pa.Table:
    """Return what `batch_summary.parquet` would hold now, from verified parts; nothing is written."""
    return table_of(_tables(folder, ledger).summary, RUN_KINDS)


def tables_now(folder: Path, ledger: Ledger) -> tuple[pa.Table, pa.Table]:
    """Return what `batch_summary.parquet` and `results.parquet` would hold now, from verified parts."""
    tables = _tables(folder, ledger)
    return table_of(tables.summary, RUN_KINDS), _results(tables.jobs, tables.parameters)


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
    """The rows of jobs and of runs, the parameters that vary, of each a value per run, and daily P&L by job key."""

    jobs: JobTable
    summary: Mapping[str, list[Any]]
    parameters: Mapping[str, list[Any]]
    daily: Mapping[str, Daily]
    damaged: tuple[str, ...]


def _tables(folder: Path, ledger: Ledger) -> _Tables:
    planned = ledger.planned()
    runs, parameters = _planned_runs(ledger)
    found = verify_parts(folder, kept_jobs(ledger, {job.key for job in planned}))
    jobs = job_table(runs, planned, found.jobs)
    return _Tables(jobs, run_table(runs, jobs, found.daily), parameters, found.daily, found.damaged)


def _hashes(folder: Path) -> dict[str, str | None]:
    return {name: file_hash(folder / name) for name in BATCH_FILE_NAMES}


def _planned_runs(ledger: Ledger) -> tuple[list[RunRow], dict[str, list[Any]]]:
    """Return the runs in order, and the parameters that are not the same in all of them: of each a value per run."""
    runs: list[RunRow] = []
    parameters: dict[str, list[Any]] = {}
    for number, run_id, spec in ledger.runs():
        for name, value in spec.get("parameters", {}).items():
            values = parameters.setdefault(name, [])
            values.extend([None] * (len(runs) - len(values)))
            values.append(value)
        runs.append(RunRow(number, run_id, spec.get("strategy", ""), spec.get("params_hash", "")))
    for values in parameters.values():
        values.extend([None] * (len(runs) - len(values)))
    varying = {name: values for name, values in parameters.items() if len(set(map(repr, values))) > 1}
    return runs, varying


def _results(jobs: JobTable, parameters: Mapping[str, Sequence[Any]]) -> pa.Table:
    columns, kinds = dict(jobs.columns), dict(JOB_KINDS)
    for name, of_run in parameters.items():
        kind = kinds[f"param.{name}"] = kind_of(of_run)
        values = texts(of_run) if kind == "text" else of_run
        columns[f"param.{name}"] = [values[place] for place in jobs.run_of.tolist()]
    return table_of(columns, kinds)


def _best(facts: Mapping[str, Any], ledger: Ledger, summary: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
    """Return the best run by the objective that the batch was given, None where it was given none."""
    objective = facts.get("options", {}).get("objective")
    if objective is None:
        return None
    parameters = {run_id: spec.get("parameters", {}) for _, run_id, spec in ledger.runs()}
    return best_run(objective, summary, parameters)


def _write_summary(
    folder: Path, facts: Mapping[str, Any], summary: Mapping[str, Sequence[Any]], best: Mapping[str, Any] | None
) -> None:
    cells = [map(csv_cell, summary[name]) if kind == "text" else summary[name] for name, kind in RUN_KINDS.items()]
    lines = chain([RUN_KINDS], zip(*cells, strict=True))
    write_atomically(folder / f"{BATCH_SUMMARY_NAME}.csv", csv_bytes(lines))
    write_atomically(folder / f"{BATCH_SUMMARY_NAME}.json", json_text(summary_document(facts, summary, best)))
    write_atomically(folder / f"{BATCH_SUMMARY_NAME}.parquet", parquet_bytes(table_of(summary, RUN_KINDS)))


def _read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(columns=columns, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{path}: not readable ({error}); 'dbatch merge {path.parent}' makes it again") from error
