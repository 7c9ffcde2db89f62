"""The best runs of a batch day by day: equity, drawdown, where the P&L comes from, how much they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.looking.fills import each_job, kept_fills
from dbatch.metrics.breakdown import pnl_by_hour, pnl_by_weekday
from dbatch.metrics.portfolio import capital_of
from dbatch.report.pack import floats, plain_document, text
from dbatch.results.columns import numbers
from dbatch.results.daily_pnl import Daily
from dbatch.results.ledger import Ledger
from dbatch.results.verified import verified
from dbatch.statistics.likeness import correlations

MOST_FILLS: Final = 3_000_000
"""Fills of the best runs are added up by hour as long as there are no more of them."""

_PLANNED: Final = "select run, security, key from planned where run in (select value from json_each(?)) order by 1, 2"
_SPECS: Final = "select run, run_id, spec from runs where run in (select value from json_each(?))"


@dataclass(frozen=True)
class BestDays:
    """Runs on the days that any of them has: `days` int64 since 1970, `pnl` float64 currency by run number and
    security, a value a day; `capital` in currency is what percentages of a run are of."""

    days: np.ndarray
    pnl: dict[int, dict[str, np.ndarray]]
    capital: dict[int, float]

    def together(self, run: int) -> np.ndarray:
        """Return the P&L of all securities of `run`, float64 currency a day: its portfolio."""
        of_run = self.pnl.get(run)
        return np.sum(list(of_run.values()), axis=0) if of_run else np.zeros(len(self.days))


def best_days(folder: Path, ledger: Ledger, runs: Sequence[int]) -> BestDays:
    """Return the daily P&L of the runs numbered `runs`, from verified parts; damaged ones are left out."""
    planned = list(ledger.query(_PLANNED, _json(runs)))
    jobs = verified(folder, ledger, {key for _, _, key in planned})
    found = {key: daily for key, place in jobs.places.items() if (daily := jobs.daily.of(place)) is not None}
    days = np.unique(np.concatenate([one.days for one in found.values()] or [np.empty(0, np.int64)])).astype(np.int64)
    pnl: dict[int, dict[str, np.ndarray]] = {}
    capitals: dict[int, list[float | None]] = {}
    for run, security, key in planned:
        if key in found:
            pnl.setdefault(run, {})[security] = _on(days, found[key])
            capitals.setdefault(run, []).append(jobs.facts.column("capital")[jobs.places[key]].as_py())
    return BestDays(days, pnl, {run: capital_of(capitals.get(run, ())) for run in runs})


def curves(found: BestDays, runs: Sequence[int]) -> dict[str, Any]:
    """Return the days, and of each run the P&L of its securities on them: equity and drawdown follow from these."""
    return {
        "days": floats(found.days.astype(np.float64), "f8"),
        "runs": [
            {
                "run": run,
                "capital": found.capital[run],
                "weekdays": pnl_by_weekday(found.days, found.together(run)).tolist() if len(found.days) else [],
                "securities": [
                    {"name": text(name), "pnl": floats(pnl)} for name, pnl in found.pnl.get(run, {}).items()
                ],
            }
            for run in runs
        ],
    }


def likeness(found: BestDays, runs: Sequence[int]) -> list[list[float | None]]:
    """Return the correlation of the daily P&L of each run with each, None with one that never varies."""
    if len(found.days) < 2 or not runs:
        return []
    matrix = correlations(np.array([found.together(run) for run in runs]))
    return [[None if np.isnan(value) else round(float(value), 4) for value in row] for row in matrix]


def hours(folder: Path, run_ids: Sequence[str]) -> dict[str, list[float]]:
    """Return what was realised in each hour of the day by run id, of the runs whose fills are kept: 24 values each."""
    jobs = kept_fills(folder, set(run_ids)) if run_ids else []
    found: dict[str, np.ndarray] = {}
    total = 0
    taken = []
    for job in sorted(jobs, key=lambda job: run_ids.index(job.run_id)):
        total += job.count
        if total > MOST_FILLS:
            break
        taken.append(job)
    for job, fills in each_job(folder, taken):
        times = fills.column("timestamp").cast("int64").to_numpy()
        of_job = pnl_by_hour(times, numbers(fills.column("realized_pnl").to_pylist()))
        found[job.run_id] = found.get(job.run_id, np.zeros(24)) + of_job
    return {run_id: values.tolist() for run_id, values in found.items()}


def specs(ledger: Ledger, runs: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what was asked of each of the runs numbered `runs`, as JSON has it."""
    from dbatch.quick_json import parsed

    return {run: plain_document(parsed(spec)) for run, _, spec in ledger.query(_SPECS, _json(runs))}


def _on(days: np.ndarray, daily: Daily) -> np.ndarray:
    pnl = np.zeros(len(days))
    pnl[np.searchsorted(days, daily.days)] = daily.pnl
    return pnl


def _json(runs: Sequence[int]) -> str:
    return "[" + ",".join(map(str, runs)) + "]"
