"""The two tables that a batch amounts to, whether it is finished, broken off or still running."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.results.batch_names import BATCH_STATISTICS_NAME
from dbatch.results.consolidate import is_consolidated, read_results, read_summary, tables_now
from dbatch.results.ledger import DERIVED, Ledger
from dbatch.upkeep.subject import reading

PARAMETER = "param."
"""What the columns of parameters that vary begin with."""


@dataclass(frozen=True)
class Tables:
    """What a folder holds: `runs`, a row per run as in `batch_summary`, and `jobs`, a row per job as in `results`.

    `statistics` has a row per run where `dbatch stats` was asked since the batch last changed, else it is None.
    `facts` are those of the ledger, or of a plain run's manifest. `is_final` says whether the tables are the files
    that were derived last, and nothing has changed since; else they were made from ledger and parts just now.
    """

    folder: Path
    name: str
    facts: Mapping[str, Any]
    runs: pa.Table
    jobs: pa.Table
    is_final: bool
    statistics: pa.Table | None = None


def read_tables(folder: Path) -> Tables:
    """Return the tables of the batch or run in `folder`, as they are at this moment; nothing is written there.

    Only verified results are in them. Raises OutputError for a folder without a batch.
    """
    with reading(folder) as (subject, ledger):
        is_final = is_consolidated(folder, subject.facts.get(DERIVED))
        statistics = _statistics(folder, ledger)
        runs, jobs = (read_summary(folder), read_results(folder)) if is_final else tables_now(folder, ledger)
    return Tables(folder, subject.name, subject.facts, runs, jobs, is_final, statistics)


def _statistics(folder: Path, ledger: Ledger) -> pa.Table | None:
    """Return the stored statistics of the runs, None where there are none, or not of the batch as it is now."""
    path = folder / f"{BATCH_STATISTICS_NAME}.json"
    if not path.is_file():
        return None
    from dbatch.statistics.reading import ledger_state

    try:
        if json.loads(path.read_text(encoding="utf-8")).get("state") != ledger_state(ledger):
            return None
        with pq.ParquetFile(path.with_suffix(".parquet"), page_checksum_verification=True) as file:
            return file.read(use_threads=False)
    except (OSError, ValueError, AttributeError, pa.ArrowException):  # 'dbatch stats' makes them again
        return None
