"""Every planned job of a batch: what the ledger knows of it, and a row for it in `results.parquet`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.metrics.names import METRIC_UNITS
from dbatch.quick_json import parsed
from dbatch.results.columns import Kind, finite
from dbatch.results.ledger import Ledger, Planned
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_UNIT_KINDS: Final[Mapping[str, Kind]] = {"count": "int", "calendar days": "int", "date": "text"}
_METRIC_KINDS: Final[Mapping[str, Kind]] = {name: _UNIT_KINDS.get(unit, "float") for name, unit in METRIC_UNITS.items()}
_FACTS: Final[Mapping[str, Kind]] = {
    "trades": "int",
    "realized_pnl": "float",
    "position": "int",
    "market_dates": "int",
    "strategy_dates": "int",
    **{name: _METRIC_KINDS[name] for name in METRIC_COLUMNS},
}
_MEASURES: Final[Mapping[str, Kind]] = {
    "rows": "int",
    "rows_skipped": "int",
    "runtime_sec": "float",
    "peak_rss_mb": "float",
    "error": "text",
}
_KNOWN: Final[Mapping[str, Kind]] = {
    "start_date": "text",
    "end_date": "text",
    **_FACTS,
    **{name: _METRIC_KINDS[name] for name in JOB_METRIC_COLUMNS},
    "digest": "text",
    **_MEASURES,
}
JOB_KINDS: Final[Mapping[str, Kind]] = {
    "run": "int",
    "run_id": "text",
    "strategy": "text",
    "security": "text",
    "status": "text",
    "params_hash": "text",
    "key": "text",
    "stale": "flag",
    **_KNOWN,
}
"""The columns of `results.parquet` in their order; those of varying parameters follow."""

_BLANK: Final = dict.fromkeys(_KNOWN)
_facts: Final = itemgetter(*_FACTS)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A planned run: its number, its id, and what its rows say of it."""

    number: int
    run_id: str
    strategy: str
    params_hash: str


class Words(NamedTuple):
    """What a job said beside its results."""

    notes: tuple[str, ...] = ()
    details: str = ""
    output: str = ""


_NO_WORDS: Final = Words()


@dataclass(frozen=True, slots=True)
class KeptJob:
    """What the ledger knows of a job, much smaller than its receipt.

    `values` are those of the result and measurement columns in their order. A job that did not succeed has no part.
    """

    status: str
    values: tuple[Any, ...]
    part: str | None = None
    row: int | None = None
    sha256: str = ""
    words: Words = _NO_WORDS


@dataclass(frozen=True)
class JobTable:
    """All planned jobs in the order of runs and securities.

    `run_of` int64 is the place of each job's run among all runs; `columns` has a list with a value per job for each
    name of `JOB_KINDS`, and `part` and `row`, where a success lies.
    """

    run_of: np.ndarray
    columns: Mapping[str, list[Any]]
    words: Sequence[Words]


def kept_jobs(ledger: Ledger, keys: Collection[str]) -> dict[str, KeptJob]:
    """Return what `ledger` knows of the jobs called `keys`, by key; receipts of other jobs are left out."""
    same: dict[Any, Any] = {}  # what many receipts have in common is held once
    return {key: _kept(status, place, parsed(text), same) for key, status, *place, text in _rows(ledger, keys)}


def _rows(ledger: Ledger, keys: Collection[str]) -> Iterator[tuple[Any, ...]]:
    rows = ledger.query("select key, status, part, row, sha256, receipt from receipts order by sequence")
    return (row for row in rows if row[0] in keys)


def not_done(error: str) -> KeptJob:
    """Return what stands for a job without a result that could be shown, and why."""
    return KeptJob("cancelled", tuple({**_BLANK, "error": error}.values()))


def job_table(runs: Sequence[RunRow], planned: Sequence[Planned], kept: Mapping[str, KeptJob]) -> JobTable:
    """Return the table of the jobs `planned` for `runs`; one that is not in `kept` was not run."""
    place_of = {run.number: place for place, run in enumerate(runs)}
    run_of = [place_of[job.run] for job in planned]
    missing = not_done("not run")
    jobs = [kept.get(job.key, missing) for job in planned]
    known = zip(*(job.values for job in jobs), strict=True) if jobs else ((),) * len(_KNOWN)
    columns: dict[str, list[Any]] = {
        "run": [job.run for job in planned],
        "run_id": [runs[place].run_id for place in run_of],
        "strategy": [runs[place].strategy for place in run_of],
        "security": [job.security for job in planned],
        "status": [job.status for job in jobs],
        "params_hash": [runs[place].params_hash for place in run_of],
        "key": [job.key for job in planned],
        "stale": [job.stale for job in planned],
        "part": [job.part for job in jobs],
        "row": [job.row for job in jobs],
        **{name: _column(values, _KNOWN[name]) for name, values in zip(_KNOWN, known, strict=True)},
    }
    return JobTable(np.array(run_of, np.int64), columns, [job.words for job in jobs])


def _column(values: Sequence[Any], kind: Kind) -> list[Any]:
    return finite(values) if kind == "float" else list(values)


def _kept(status: str, place: Sequence[Any], facts: Mapping[str, Any], same: dict[Any, Any]) -> KeptJob:
    """Return what `facts`, those of a receipt as JSON has them, say of a job whose result lies at `place`."""
    words = Words(tuple(facts.get("notes", ())), facts.get("details", ""), facts.get("output", ""))
    words = same.setdefault(words, words)
    if status != "success":
        return KeptJob(status, _values_of_failure(facts), words=words)
    part, row, sha256 = place
    part, sha256 = same.setdefault((part, sha256), (part, sha256))
    return KeptJob(status, _values(facts), part, row, sha256, words)


def _values(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    metrics = facts["metrics"]
    facts = facts if "fees" in facts else {**facts, "fees": None}  # of an older dbatch
    return (
        _date(facts["first_day"]),
        _date(facts["last_day"]),
        *_facts(facts),
        *[metrics.get(name) for name in JOB_METRIC_COLUMNS],
        facts["digest"],
        facts["rows"],
        facts["rows_skipped"],
        round(facts["runtime_sec"], 6),
        round(facts["peak_rss_mb"], 1),
        facts["error"] or None,
    )


def _values_of_failure(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    measured = {"runtime_sec": round(facts["runtime_sec"], 6), "peak_rss_mb": round(facts["peak_rss_mb"], 1)}
    return tuple({**_BLANK, **measured, "error": facts["error"]}.values())


@cache
def _date(day: int | None) -> str | None:
    return None if day is None else dt.date.fromordinal(_EPOCH + day).isoformat()
