"""One column of a batch's summary, for whoever ranks its runs: often without the rest of it."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path
from typing import Final

import numpy as np

from dbatch.results.columns import numbers, taken
from dbatch.results.consolidate import summary_of
from dbatch.results.ledger import Ledger
from dbatch.results.planned import planned_jobs
from dbatch.results.verified import verified

_OF_JOB: Final = {
    name: name
    for name in (
        *("realized_pnl", "total_pnl", "sharpe", "sortino", "annual_volatility_pct", "win_rate", "round_trips"),
        *("round_trip_win_rate", "profit_factor", "expectancy", "turnover"),
    )
} | {"fills": "trades"}
"""The columns that a run over one security has from its job, by the names of the job's facts, bit for bit."""


def run_values(folder: Path, ledger: Ledger, column: str) -> tuple[list[str], np.ndarray]:
    """Return the ids of all planned runs, and their values in `column` of the summary, float64, NaN for none.

    They are what `batch_summary` would say now, from verified parts; where each run has one job, a fraction of them is
    read.
    """
    jobs = planned_jobs(ledger)
    ids = [run_id for (run_id,) in ledger.query("select run_id from runs order by run")]
    if column not in _OF_JOB or len(jobs.runs) != len(ids) or (np.diff(jobs.runs) <= 0).any():
        summary = summary_of(folder, ledger)
        return summary.column("run_id").to_pylist(), numbers(summary.column(column))
    fact = _OF_JOB[column]
    found = verified(folder, ledger, set(jobs.keys), only=[fact])
    places = np.array(list(map(found.places.get, jobs.keys, repeat(-1))), np.int64)
    return ids, numbers(taken(found.facts.column(fact), places))
