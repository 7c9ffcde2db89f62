"""Every planned job of a batch: what the ledger and its part know of it, as a row for it in `results.parquet`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.results.columns import Kind, array_of, numbers, table_of, taken
from dbatch.results.daily_pnl import Daily
from dbatch.results.facts import FACT_KINDS
from dbatch.results.planned import Jobs, Runs
from dbatch.results.verified import Other, Verified, Words
from dbatch.schema import JOB_METRIC_COLUMNS, METRIC_COLUMNS

_RESULTS: Final = ("trades", "realized_pnl", "position", "market_dates", "strategy_dates", *METRIC_COLUMNS)
_MEASURES: Final = ("rows", "rows_skipped", "runtime_sec", "peak_rss_mb")


def _kind(fact: str) -> Kind:
    return "text" if FACT_KINDS[fact] == "date" else FACT_KINDS[fact]


JOB_KINDS: Final[Mapping[str, Kind]] = {
    "run": "int",
    "run_id": "text",
    "strategy": "text",
    "security": "text",
    "status": "text",
    "params_hash": "text",
    "key": "text",
    "stale": "flag",
    "start_date": "text",
    "end_date": "text",
    **{name: _kind(name) for name in (*_RESULTS, *JOB_METRIC_COLUMNS, "digest", *_MEASURES)},
    "error": "text",
}
"""The columns of `results.parquet` in their order; those of varying parameters follow."""

_NOT_RUN: Final = Other("cancelled", "not run")


@dataclass(frozen=True)
class JobTable:
    """All planned jobs in the order of runs and securities; `table` has the columns of `JOB_KINDS`.

    `run_of` int64 is the place of each job's run among all runs, `places` int64 its row among the facts `found`, -1
    where it has no results; `others` has those jobs by their places in the table.
    """

    run_of: np.ndarray
    table: pa.Table
    places: np.ndarray
    others: Mapping[int, Other]
    found: Verified

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as float64, NaN where it is missing."""
        return numbers(self.table.column(name))

    def days(self, name: str) -> np.ndarray:
        """Return a column of dates in the facts as days since 1970, float64, NaN where there is none."""
        return numbers(taken(self.found.facts.column(name), self.places).cast(pa.int32()))

    def capitals(self) -> np.ndarray:
        """Return the capital of each job, float64 currency, NaN where it has none of its own."""
        return numbers(taken(self.found.facts.column("capital"), self.places))

    def words(self, at: int) -> Words:
        """Return what the job in row `at` said."""
        return self.others[at].words if at in self.others else self.found.words(int(self.places[at]))

    def daily(self, at: int) -> Daily | None:
        """Return the daily P&L of the job in row `at`, None where it has none."""
        return None if at in self.others else self.found.daily.of(int(self.places[at]))


def job_table(runs: Runs, jobs: Jobs, found: Verified) -> JobTable:
    """Return the table of the planned `jobs` of `runs`, with what was `found` of them; any other was not run."""
    run_of = np.searchsorted(runs.numbers, jobs.runs)
    places = np.array(list(map(found.places.get, jobs.keys, repeat(-1))), np.int64)
    others = {at: found.others.get(jobs.keys[at], _NOT_RUN) for at in np.flatnonzero(places < 0).tolist()}
    facts = taken(found.facts, places)
    of_run = {"run_id": runs.ids, "strategy": runs.strategies, "params_hash": runs.hashes}
    columns: dict[str, Any] = {
        **{name: facts.column(name) for name in JOB_KINDS if name in FACT_KINDS},
        **{name: taken(array_of(values, "text"), run_of) for name, values in of_run.items()},
        "run": jobs.runs,
        "security": jobs.securities,
        "key": jobs.keys,
        "stale": jobs.stale,
        "start_date": facts.column("first_day"),
        "end_date": facts.column("last_day"),
        "status": _with(others, "status", ["success"] * len(places)),
        "error": _with(others, "error", [None] * len(places)),
        "runtime_sec": _with(others, "runtime_sec", np.round(numbers(facts.column("runtime_sec")), 6)),
        "peak_rss_mb": _with(others, "peak_rss_mb", np.round(numbers(facts.column("peak_rss_mb")), 1)),
    }
    return JobTable(run_of, table_of(columns, JOB_KINDS), places, others, found)


def _with(others: Mapping[int, Other], name: str, values: Any) -> Any:
    """Return `values`, with what `others` say in their places."""
    for at, other in others.items():
        values[at] = getattr(other, name)
    return values
