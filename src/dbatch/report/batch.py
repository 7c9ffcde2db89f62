"""All that the page of a batch shows, from its ledger, parts and the files derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dbatch.looking.tables import Tables, read_tables
from dbatch.report.best import best_days, curves, hours, likeness, specs
from dbatch.report.origin import origin
from dbatch.report.pack import Packed, plain_document, text
from dbatch.report.rows import Runs, histogram, packed, runs_of, values_of
from dbatch.report.trouble import causes, counts, effort
from dbatch.report.verdict import verdict
from dbatch.statistics.of_batch import batch_statistics
from dbatch.statistics.tables import BatchStatistics
from dbatch.statistics.written import prior_trials, read_statistics, statistics_document
from dbatch.upkeep.status import read_status
from dbatch.upkeep.subject import reading

MOST_INTERVALS: Final = 5_000
"""Of more runs only those with the highest Sharpe ratios are given intervals, which take most of the time."""

BEST: Final = 20
"""So many of the best runs with results that differ are shown one by one."""


def batch_document(folder: Path) -> Packed:
    """Return what the page of the batch in `folder` shows, as it is at this moment; nothing is written.

    Statistics are those that `dbatch stats` wrote where they are up to date, else they are computed. Raises OutputError
    for a folder without a batch.
    """
    tables = read_tables(folder)
    found = _statistics(folder, tables)
    runs = runs_of(tables, found)
    best = runs.distinct_best(BEST)
    with reading(folder) as (_, ledger):
        numbers = [number for number, _ in ledger.query("select run, run_id from runs order by run")]
        chosen = [numbers[place] for place, _ in best]
        days = best_days(folder, ledger, chosen)
        asked = specs(ledger, chosen)
        work = effort(tables.facts, ledger, tables.jobs)
    status = read_status(folder)
    by_hour = hours(folder, [runs.ids[place] for place, _ in best])
    return {
        "name": text(tables.name),
        "folder": text(str(folder)),
        "about": _about(tables.facts),
        "state": text(status.state),
        "is_final": tables.is_final,
        "verdict": asdict(verdict(found)),
        "statistics": plain_document(statistics_document(found)),
        "counts": counts(runs.statuses, tables.jobs),
        "causes": causes(tables.jobs),
        "best": [_best(runs, place, same, numbers, asked, by_hour) for place, same in best],
        "curves": curves(days, chosen),
        "likeness": likeness(days, chosen),
        "sharpe": histogram(runs.metrics["sharpe"]),
        "runs": packed(runs),
        "effort": work,
        "origin": origin(tables.facts),
    }


def _statistics(folder: Path, tables: Tables) -> BatchStatistics:
    written = read_statistics(folder)
    same = written is not None and written.runs.column("run_id").equals(tables.runs.column("run_id"))
    if written is not None and same:
        return written
    return batch_statistics(folder, prior_trials=prior_trials(folder, None), intervals=MOST_INTERVALS)


def _about(facts: Mapping[str, Any]) -> dict[str, Any]:
    batch = facts.get("batch") or {}
    asked = {name: batch.get(name) for name in ("description", "run_tag", "seed", "config_hash", "study")}
    times = {name: facts.get(name) for name in ("started_at", "finished_at")}
    tags = (facts.get("options") or {}).get("tags") or []
    return dict(plain_document({**asked, **times, "tags": tags}))


def _best(
    runs: Runs, place: int, same: int, numbers: list[int], asked: dict[int, Any], by_hour: dict[str, list[float]]
) -> dict[str, Any]:
    """Return one of the best runs: which it is, what was asked of it, and how many have its results."""
    return {
        "run": numbers[place],
        "id": text(runs.ids[place]),
        "same": same,
        "varying": values_of(runs, place),
        "spec": asked.get(numbers[place], {}),
        "hours": by_hour.get(runs.ids[place]),
    }
