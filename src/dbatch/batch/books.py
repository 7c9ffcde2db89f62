"""What the ledger is told of a batch: the plan at the beginning, how it ended, and what no longer holds."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from dbatch.batch.environment import environment
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan
from dbatch.batch.stale import StaleJobs, find_stale
from dbatch.errors import OutputError
from dbatch.results.accounts import lost_accounts
from dbatch.results.ledger import DERIVED, Ledger, Planned, PlannedJob
from dbatch.results.part import file_hash
from dbatch.results.run_table import SEVERITY

_COUNTS: Final = """
select statuses, count(*) from (
    select group_concat(coalesce(status, 'cancelled'), ' ') as statuses
    from planned left join receipts using (key) group by run
) group by statuses
"""
"""How many runs have which statuses of their jobs, in some order."""


@dataclass(frozen=True)
class _Damage:
    """Keys of jobs whose part, or account, is not there as it was kept, and the parts that hold something else."""

    keys: set[str]
    parts: set[str]


@dataclass
class Books:
    """The ledger of one call: `note` is told what the user should know; `is_new` once its plan is another one."""

    plan: BatchPlan
    options: BatchOptions
    ledger: Ledger
    note: Callable[[str], None]
    started_at: str = field(default_factory=lambda: now())
    is_new: bool = False
    _before: dict[str, Any] = field(default_factory=dict)
    _damage: _Damage = field(default_factory=lambda: _Damage(set(), set()))

    @property
    def was_ended(self) -> bool:
        """Return whether the call before this one came to the end of the batch."""
        return self._before.get("state") in ("finished", "failed")

    @property
    def derived(self) -> Any:
        """Return what files of the batch held before this call, as the ledger knew it."""
        return self._before.get(DERIVED)

    def open(self, redo: Collection[str]) -> list[PlannedJob]:
        """Write the plan down and return its jobs, those with accepted stale results as they were.

        A stale result is none that is damaged, or that has a status of `redo`. Raises OutputError when the folder
        holds another batch, or stale results that the options do not decide on.
        """
        facts = self._before = self.ledger.facts()
        self._refuse_other(facts.get("batch"))
        self._damage = self._found_damage()
        numbers, kept = set(self.plan.runs.numbers), self.ledger.planned()
        planned = self._decided(kept, facts.get("inputs", ()), redo)
        others: list[PlannedJob] = [job for job in kept if job.run not in numbers]  # of calls with another --range
        self.is_new = sorted(kept, key=_place) != sorted([*others, *planned], key=_place)
        self.is_new |= facts.get("options", {}).get("objective") != self.options.objective  # its files say which
        told = {
            "batch": self._batch_facts(),
            "options": self.options.stored(),
            "inputs": [setup.facts() for setup in self.plan.setups],
            "state": "running",
            "started_at": facts.get("started_at") or self.started_at,
            "finished_at": None,
        }
        if kept and not self.is_new and self.ledger.has_runs(self.plan.runs.rows()):
            self.ledger.remember(**told)
        else:
            rows = [row for row in self.ledger.runs_as_text() if row[0] not in numbers]
            self.ledger.plan(chain(rows, self.plan.runs.rows()), chain(others, planned), **told)
        return planned

    def computing(self) -> None:
        """Write down with what and on what the jobs that follow are computed."""
        self.ledger.remember(environment=environment())

    def forget_damaged(self) -> int:
        """Take back the receipts whose part or account is not there as it was kept, and return how many there were.

        Parts that hold something else go too, lest they are taken for unfinished business.
        """
        if self._damage.keys:
            self.ledger.forget(self._damage.keys)
        for part in self._damage.parts:
            (self.plan.output_dir / part).unlink(missing_ok=True)
        return len(self._damage.keys)

    def _found_damage(self) -> _Damage:
        published = self.ledger.parts()
        found = {part: file_hash(self.plan.output_dir / part) for part in published}
        bad = {part for part, sha256 in published.items() if found[part] != sha256}
        rows = self.ledger.query("select key, part from receipts") if bad else ()
        keys = {key for key, part in rows if part in bad}
        keys.update(lost_accounts(self.plan.output_dir, self.ledger))
        return _Damage(keys, {part for part in bad if found[part] is not None})

    def close(self, *, computed: int, reason: str | None, state: str | None) -> None:
        """Write down how this call ended: `state`, or None for a batch that came to its end."""
        _, jobs = self.counts()
        ended = state or ("finished" if set(jobs) <= {"success"} else "failed")
        session = {
            "started_at": self.started_at,
            "finished_at": now(),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "computed": computed,
            "workers": self.options.execution.workers,
            "reason": reason,
        }
        self.ledger.remember(
            state=ended,
            finished_at=session["finished_at"],
            sessions=[*self._before.get("sessions", []), session],
        )

    def leave_no_trace(self) -> None:
        """Write down what was known before this call, which changed nothing."""
        self.ledger.remember(**self._before)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return how many runs, and how many jobs, there are of each status."""
        jobs: Counter[str] = Counter()
        runs: Counter[str] = Counter()
        for statuses, count in self.ledger.query(_COUNTS):
            of_run = statuses.split()
            jobs.update({status: count * of_run.count(status) for status in of_run})
            runs[max(of_run, key=SEVERITY.index)] += count
        return dict(runs), dict(jobs)

    def _refuse_other(self, held: Mapping[str, Any] | None) -> None:
        folder, asked = self.plan.output_dir, self.plan.batch.config_hash
        if held is None and self.ledger.statuses():
            raise OutputError(f"{folder}: holds the results of a single run; choose another --name")
        if held is not None and held["config_hash"] != asked:
            raise OutputError(
                f"{folder}: holds another batch (config {held['config_hash']}, this one is {asked}); "
                "choose another --name or --output-root, or --rerun to replace it"
            )

    def _decided(
        self, held: Sequence[Planned], before: Sequence[Mapping[str, Any]], redo: Collection[str]
    ) -> list[PlannedJob]:
        planned = list(self.plan.runs.jobs())
        statuses = self.ledger.statuses()
        stale = find_stale(held, statuses, planned, before, [setup.facts() for setup in self.plan.setups])
        if stale:
            self._decide_on(stale)
        if self.options.stale == "rerun":
            return planned
        accepted = {(job.run, job.security): job for job in held if job.stale}
        if self.options.stale == "accept":
            accepted |= {(job.run, job.security): job._replace(stale=True) for job in stale.jobs}
        done = {key for key, status in statuses.items() if status not in redo} - self._damage.keys if accepted else ()
        kept = {place: job for place, job in accepted.items() if job.key in done}
        return [kept.get(_place(job), job) for job in planned] if kept else planned

    def _decide_on(self, stale: StaleJobs) -> None:
        if self.options.stale == "refuse":
            raise OutputError(
                f"{self.plan.output_dir}: {stale.text()}; --accept-stale keeps their results, "
                "--rerun-stale computes them again"
            )
        what = "kept as they are" if self.options.stale == "accept" else "computed again"
        self.note(f"{stale.text()}; they are {what}")

    def _batch_facts(self) -> dict[str, Any]:
        batch = self.plan.batch
        return {
            "batch_name": batch.batch_name,
            "description": batch.description,
            "run_tag": batch.run_tag,
            "seed": batch.seed,
            "max_workers": batch.max_workers,
            "fail_fast": batch.fail_fast,
            "output_root": str(batch.output_root),
            "base_args": batch.base_args,
            "config_hash": batch.config_hash,
            "document": batch.document,
            "folder": batch.runs.folder,
            "path": None if batch.path is None else str(batch.path),
            "runs": len(batch.runs),
            "working_folder": os.getcwd(),
        }


_place: Final = itemgetter(0, 1)
"""The run and the security of a planned job."""


def now() -> str:
    """Return the time as ISO 8601 text, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
