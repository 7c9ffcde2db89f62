"""What did not go well in a batch, by cause, and what it cost: seconds, memory, throughput."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbatch.report.pack import floats, plain, plain_document, text
from dbatch.report.rows import histogram
from dbatch.results.ledger import Commit, Ledger
from dbatch.upkeep.tally import alike

MOST_CAUSES: Final = 30
_EXAMPLES: Final = 3
_SLOWEST: Final = 10
_POINTS: Final = 300
_PENDING: Final = ("cancelled", "not run")


def causes(jobs: pa.Table) -> list[dict[str, Any]]:
    """Return why jobs did not succeed, the most frequent cause first: status, error, how many, some of them.

    Errors are one cause where they differ by numbers and the security's name only. Jobs not run yet are none.
    """
    columns = ("run", "run_id", "security", "status", "error")
    failed = jobs.select(columns).filter(pc.not_equal(jobs.column("status"), "success"))
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in zip(*(failed.column(name).to_pylist() for name in columns), strict=True):
        if row[3:] != _PENDING:
            found.setdefault((row[3], alike(row[4] or "", row[2])), []).append(row)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_cause(rows, common) for (_, common), rows in ranked[:MOST_CAUSES]]


def _cause(rows: list[tuple[Any, ...]], common: str) -> dict[str, Any]:
    errors = {row[4] for row in rows}
    return {
        "status": rows[0][3],
        "error": text((rows[0][4] or "") if len(errors) == 1 else common),
        "count": len(rows),
        "runs": len({row[0] for row in rows}),
        "examples": [{"run": row[0], "run_id": text(row[1]), "security": text(row[2])} for row in rows[:_EXAMPLES]],
    }


def counts(runs: list[str], jobs: pa.Table) -> dict[str, Any]:
    """Return how many runs and jobs there are of each status."""
    of_jobs = zip(*(jobs.column(name).to_pylist() for name in ("status", "error")), strict=True)
    pending = Counter("pending" if one == _PENDING else one[0] for one in of_jobs)
    return {"runs": dict(Counter(runs)), "jobs": dict(pending)}


def effort(facts: Mapping[str, Any], ledger: Ledger, jobs: pa.Table) -> dict[str, Any]:
    """Return what the batch took: its sessions, seconds of jobs, memory, and both over time."""
    seconds, memory = (jobs.column(name).to_numpy() for name in ("runtime_sec", "peak_rss_mb"))
    known = np.flatnonzero(~np.isnan(seconds))
    slowest = known[np.argsort(-seconds[known], kind="stable")[:_SLOWEST]].tolist()
    names = ("run", "run_id", "security", "status", "runtime_sec", "peak_rss_mb", "rows")
    rows = jobs.select(names).take(slowest).to_pylist() if slowest else []
    return {
        "elapsed_sec": _elapsed(facts.get("sessions") or ()),
        "sessions": plain_document(list(facts.get("sessions") or ())),
        "cpu_sec": float(np.nansum(seconds)) if len(known) else None,
        "events": int(sum(filter(None, jobs.column("rows").to_pylist()))),
        "jobs": len(jobs),
        "peak_rss_mb": float(np.nanmax(memory)) if not np.isnan(memory).all() else None,
        "seconds": histogram(seconds, 40),
        "memory": histogram(memory, 40),
        "slowest": [{name: plain(value) for name, value in row.items()} for row in rows],
        "course": _course(ledger.commits()),
    }


def _course(commits: list[Commit]) -> dict[str, Any]:
    """Return jobs done and memory over time, at most some hundred points."""
    kept = [one for one in commits if one.at > 0.0]
    done = np.cumsum([one.jobs for one in kept])
    spread = np.linspace(0, len(kept) - 1, min(len(kept), _POINTS)).astype(np.int64)
    at = sorted(set(spread.tolist()))
    return {
        "at": floats([kept[place].at for place in at], "f8"),
        "jobs": floats([float(done[place]) for place in at]),
        "rss_mb": floats([kept[place].rss_mb for place in at]),
    }


def _elapsed(sessions: Any) -> float | None:
    """Return for how long commands worked on the batch, seconds; None where that is not known."""
    found = 0.0
    for one in sessions:
        try:
            began, ended = (datetime.fromisoformat(one[name]) for name in ("started_at", "finished_at"))
        except (KeyError, TypeError, ValueError):  # one that was killed has no end
            continue
        found += (ended - began).total_seconds()
    return found or None
