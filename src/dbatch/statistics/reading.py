"""What the statistics of a batch are computed from: its runs, their daily P&L, and how many trials there were."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.errors import OutputError
from dbatch.results.job_table import job_table
from dbatch.results.ledger import Ledger, reading_ledger
from dbatch.results.openings import openings
from dbatch.results.planned import planned_jobs, planned_runs
from dbatch.results.row_texts import TextColumns
from dbatch.results.run_table import RunsAlike, run_table, runs_alike
from dbatch.results.verified import verified

_ATTEMPTED: Final = "select count(distinct run) from planned join receipts using (key)"
_SUPERSEDED: Final = """
select coalesce(max(jobs), 0) from (
    select count(*) as jobs from receipts where key not in (select key from planned) group by security
)
"""
"""A trial has one job for each security: of those no longer planned there are as many as jobs of any one security."""


@dataclass(frozen=True)
class Trials:
    """How many runs a batch has, and how many trials that is.

    `attempted` of those `planned` had a job that was begun, `failed` of these did not wholly succeed. `superseded` were
    done and are planned no more: their inputs or the batch changed since. `prior` were tried elsewhere, as a user said.
    """

    planned: int
    attempted: int
    failed: int
    superseded: int
    prior: int = 0

    @property
    def total(self) -> int:
        """Return how many trials the best was chosen from: all that were ever begun, whatever became of them."""
        return self.attempted + self.superseded + self.prior


@dataclass(frozen=True)
class BatchResults:
    """A batch as its ledger and parts have it: `summary` has the columns of `results.run_table`, a value per run;
    `alike` the daily P&L of those that succeeded; `state` changes with anything that is done to the ledger.

    `holdout` is the first day that was left out, None for no holdout; `openings` how often it was opened.
    """

    name: str
    trials: Trials
    summary: TextColumns
    alike: tuple[RunsAlike, ...]
    seed: int
    state: str
    holdout: str | None = None
    openings: int = 0


def read_batch(folder: Path) -> BatchResults:
    """Return the results of the batch in `folder`, all parts verified. Raises OutputError where there is none."""
    with reading_ledger(folder) as ledger:
        list(ledger.query("begin"))  # all of it at one moment, though a driver goes on
        runs = planned_runs(ledger)
        if not len(runs):
            raise OutputError(f"{folder}: holds a single run; statistics are of the runs of a batch")
        planned = planned_jobs(ledger)
        jobs = job_table(runs, planned, verified(folder, ledger, set(planned.keys)))
        summary = run_table(runs, jobs)
        succeeded = list(summary["status"]).count("success")
        attempted, superseded = _count(ledger, _ATTEMPTED), _count(ledger, _SUPERSEDED)
        batch = ledger.facts().get("batch", {})
        return BatchResults(
            name=batch.get("batch_name") or folder.absolute().name,
            trials=Trials(len(runs), attempted, attempted - min(succeeded, attempted), superseded),
            summary=summary,
            alike=tuple(runs_alike(jobs, len(runs))),
            seed=int(hashlib.sha256(" ".join(planned.keys).encode()).hexdigest()[:8], 16),
            state=ledger_state(ledger),
            holdout=_holdout(batch.get("document", {}).get("holdout")),
            openings=len(openings(folder)),
        )


def common_days(alike: tuple[RunsAlike, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of all runs that have days, in order, and their P&L on the days that all of them have.

    int64, and float64 currency, a row per run.
    """
    if not alike:
        return np.empty(0, np.int64), np.empty((0, 0))
    days = reduce(np.intersect1d, (some.days for some in alike))
    places = np.concatenate([some.places for some in alike]).astype(np.int64)
    pnl = np.concatenate([some.pnl[:, np.searchsorted(some.days, days)] for some in alike])
    order = np.argsort(places, kind="stable")
    return places[order], pnl[order]


def ledger_state(ledger: Ledger) -> str:
    """Return a text that is another one once a job was done, done again or planned."""
    counts = (
        "select count(*) from planned",
        "select count(*) from receipts",
        "select coalesce(sum(attempts), 0) from receipts",
        "select coalesce(max(sequence), 0) from commits",
    )
    return "-".join(str(_count(ledger, query)) for query in counts)


def _holdout(written: Any) -> str | None:
    """Return the first day of a holdout that is sealed, as it was written for the batch."""
    return written.removesuffix(":") if isinstance(written, str) else None


def _count(ledger: Ledger, query: str) -> int:
    return int(next(ledger.query(query))[0])
