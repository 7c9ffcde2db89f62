"""How fast a batch goes and what memory it takes, from the transactions of its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from dbatch.results.ledger import Commit

_LEAST_COMMITS: Final = 8
_LEAST_JOBS: Final = 100
"""What a trend is told from: over fewer, chance would be taken for one."""
_WARM_UP: Final = 0.25
"""The share of a session's transactions that the slope leaves out: in the beginning memory grows in any case."""


@dataclass(frozen=True)
class Pace:
    """`elapsed_sec` of all sessions; of the last one jobs a second, and memory of all its processes.

    `rss_mb` is the last measurement in MiB, `slope_mb` its trend in MiB a hundred jobs; None where not known.
    """

    elapsed_sec: float
    jobs_per_sec: float | None
    rss_mb: float | None
    slope_mb: float | None


def pace(facts: Mapping[str, Any], commits: Sequence[Commit], began: float | None, now: float) -> Pace:
    """Return the pace of a batch with these facts and transactions.

    `began` is when the session that is under way began, in Unix seconds, None when none is: a session that was
    killed is not among the facts, and is known by its transactions alone.
    """
    sessions = _sessions(facts, commits, began, now)
    if not sessions:
        return Pace(0.0, None, None, None)
    start, end = sessions[-1]
    latest = [commit for commit in commits if start <= commit.at <= end]
    jobs = sum(commit.jobs for commit in latest)
    seconds = max(end - start, 0.0)
    return Pace(
        sum(max(last - first, 0.0) for first, last in sessions),
        jobs / seconds if jobs and seconds > 0 else None,
        next((commit.rss_mb for commit in reversed(latest) if commit.rss_mb), None),
        _slope(latest),
    )


def moment(text: Any) -> float | None:
    """Return a time in ISO 8601 as Unix seconds, None for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None


def _sessions(
    facts: Mapping[str, Any], commits: Sequence[Commit], began: float | None, now: float
) -> list[tuple[float, float]]:
    """Return when each session began and ended, in Unix seconds."""
    times = ((moment(each.get("started_at")), moment(each.get("finished_at"))) for each in facts.get("sessions") or ())
    closed = [(start, end) for start, end in times if start is not None and end is not None]
    if began is not None:
        return [*closed, (began, now)]
    last_end = closed[-1][1] if closed else moment(facts.get("started_at")) or 0.0
    later = [commit.at for commit in commits if commit.at > last_end]
    if not later:
        return closed
    return [*closed, (later[0] if closed or not last_end else last_end, later[-1])]


def _slope(commits: Sequence[Commit]) -> float | None:
    """Return the trend of memory in MiB a hundred jobs, by least squares after the warm-up."""
    jobs = np.cumsum([commit.jobs for commit in commits])
    memory = np.array([commit.rss_mb for commit in commits])
    settled = (memory > 0) & (np.arange(len(commits)) >= _WARM_UP * len(commits))
    if settled.sum() < _LEAST_COMMITS or np.ptp(jobs[settled]) < _LEAST_JOBS:
        return None
    x, y = jobs[settled] - jobs[settled].mean(), memory[settled]
    return float(100 * (x @ y) / (x @ x))
