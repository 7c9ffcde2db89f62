"""Counts of a batch from its ledger: runs and jobs by status, and why those that did not succeed did not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dbatch.results.ledger import Ledger
from dbatch.results.run_table import SEVERITY

PENDING: Final = "pending"
SUCCESS: Final = "success"
MOST_CAUSES: Final = 5
_FAILURES_LOOKED_AT: Final = 2000
_CHANGING: Final = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{12,}\b|\d+(?:[.,:]\d+)*", re.IGNORECASE)
_UNSUCCESSFUL: Final = """
select p.run, r.status from (select key, status from receipts where status <> 'success') r
cross join planned p on p.key = r.key
"""  # in this order: the few that failed look for their runs
_PENDING: Final = "select run, count(*) from planned where key not in (select key from receipts) group by run"


@dataclass(frozen=True)
class Counts:
    """How many there are of each status, those without a result yet as "pending"."""

    statuses: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    @property
    def pending(self) -> int:
        return self.statuses.get(PENDING, 0)

    @property
    def done(self) -> int:
        return self.total - self.pending

    @property
    def unsuccessful(self) -> int:
        return self.done - self.statuses.get(SUCCESS, 0)


@dataclass(frozen=True)
class Cause:
    """Why `count` jobs ended with `status`; numbers in `error` that differ between them are written N."""

    status: str
    error: str
    count: int


def count_all(ledger: Ledger) -> tuple[Counts, Counts]:
    """Return the counts of runs and of jobs.

    A run is pending while one of its jobs is, else it has the status of the worst. Successes are what remains: to
    look at each would take long.
    """
    ((all_runs, all_jobs),) = ledger.query("select count(distinct run), count(*) from planned")
    worst: dict[int, str] = {}
    jobs: Counter[str] = Counter()
    for run, status in ledger.query(_UNSUCCESSFUL):
        jobs[status] += 1
        worst[run] = max(status, worst.get(run, SUCCESS), key=SEVERITY.index)
    for run, pending in ledger.query(_PENDING):
        jobs[PENDING] += pending
        worst[run] = PENDING
    runs = Counter(worst.values())
    return _with_successes(runs, all_runs), _with_successes(jobs, all_jobs)


def _with_successes(others: Counter[str], total: int) -> Counts:
    successes = {SUCCESS: total - others.total()} if total > others.total() else {}
    return Counts(successes | others)


def top_causes(ledger: Ledger) -> list[Cause]:
    """Return the five most frequent causes among the latest 2,000 jobs that did not succeed, most frequent first."""
    texts: dict[tuple[str, str], Counter[str]] = {}
    failures = ledger.query(
        "select status, security, coalesce(json_extract(receipt, '$.error'), '') from receipts"
        " where status <> 'success' order by sequence desc limit ?",
        _FAILURES_LOOKED_AT,
    )
    for status, security, error in failures:
        texts.setdefault((status, alike(error, security)), Counter())[error] += 1
    ranked = sorted(texts.items(), key=lambda item: (-item[1].total(), item[0]))
    return [
        Cause(status, next(iter(errors)) if len(errors) == 1 else common, errors.total())
        for (status, common), errors in ranked[:MOST_CAUSES]
    ]


def alike(error: str, security: str) -> str:
    """Return `error` without what differs from job to job: numbers, addresses, the security."""
    text = re.sub(rf"\b{re.escape(security)}\b", "SECURITY", error)
    return " ".join(_CHANGING.sub("N", text).split())
