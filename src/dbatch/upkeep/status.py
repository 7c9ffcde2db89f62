"""How far a batch is: what `dbatch status` shows."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from dbatch.results.folder import Holder, holder
from dbatch.results.ledger import Commit, Ledger
from dbatch.upkeep.pace import moment, pace
from dbatch.upkeep.subject import Subject, reading
from dbatch.upkeep.tally import Cause, Counts, count_all, top_causes

RUNNING: Final = "RUNNING"
_RECENTLY: Final = 120.0
"""Seconds within which a driver on a host whose locks may not reach us must have committed to count as running."""


@dataclass(frozen=True)
class BatchStatus:
    """A batch, or a plain run, as it is now.

    `state` is RUNNING, FINISHED, FAILED (some did not succeed), INTERRUPTED or STOPPED, `note` says why where that
    is known. `driver` is who has the folder. Times are in seconds, memory in MiB, the slope in MiB a hundred runs;
    None stands for what is not known. `command` goes on with the batch, empty where there is nothing to go on with.
    """

    folder: Path
    name: str
    kind: str
    state: str
    note: str
    driver: Holder | None
    runs: Counts
    jobs: Counts
    started_at: str | None
    finished_at: str | None
    elapsed_sec: float
    eta_sec: float | None
    runs_per_sec: float | None
    workers: int | None
    rss_mb: float | None
    rss_slope_mb: float | None
    causes: tuple[Cause, ...]
    command: str

    @property
    def is_running(self) -> bool:
        return self.state == RUNNING

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        facts = asdict(self)
        facts["folder"] = str(self.folder)
        for name, counts in (("runs", self.runs), ("jobs", self.jobs)):
            facts[name] = {"total": counts.total, "done": counts.done, "statuses": dict(counts.statuses)}
        return facts


def read_status(folder: Path) -> BatchStatus:
    """Return how far the batch or run in `folder` is; nothing is written there.

    Raises OutputError for a folder without one.
    """
    with reading(folder) as (subject, ledger):
        return _status(subject, ledger, holder(folder), time.time())


def _status(subject: Subject, ledger: Ledger, driver: Holder | None, now: float) -> BatchStatus:
    facts, commits = subject.facts, ledger.commits()
    runs, jobs = count_all(ledger)
    state, note = _state(subject, runs, driver, commits, now)
    began = moment(driver.started_at if driver else None) or now if state == RUNNING else None
    speed = pace(facts, commits, began, now)
    ((distinct,),) = ledger.query("select count(distinct key) from planned")
    jobs_a_run = distinct / max(runs.total, 1)
    last = (facts.get("sessions") or [{}])[-1]
    return BatchStatus(
        folder=subject.folder,
        name=subject.name,
        kind=subject.kind,
        state=state,
        note=note,
        driver=driver if state == RUNNING else None,
        runs=runs,
        jobs=jobs,
        started_at=facts.get("started_at"),
        finished_at=None if state == RUNNING else facts.get("finished_at"),
        elapsed_sec=speed.elapsed_sec,
        eta_sec=_eta(jobs, speed.jobs_per_sec) if state == RUNNING else None,
        runs_per_sec=speed.jobs_per_sec / jobs_a_run if speed.jobs_per_sec and jobs_a_run else None,
        workers=last.get("workers") or facts.get("batch", {}).get("max_workers"),
        rss_mb=speed.rss_mb,
        rss_slope_mb=speed.slope_mb * jobs_a_run if speed.slope_mb is not None else None,
        causes=tuple(top_causes(ledger)),
        command=_command(subject, runs),
    )


def _state(
    subject: Subject, runs: Counts, driver: Holder | None, commits: Sequence[Commit], now: float
) -> tuple[str, str]:
    """Return the state, and why it is so where there is more to say."""
    told = str(subject.facts.get("state") or "running")
    if driver is not None and (driver.alive or (told == "running" and _seems_alive(driver, commits, now))):
        return RUNNING, ""
    if told == "running":
        return "INTERRUPTED", "its driver is gone"
    if runs.pending and (told == "finished" or (told == "failed" and subject.kind == "batch")):
        return "INTERRUPTED", "some of its results are to be computed again"
    sessions = subject.facts.get("sessions") or [{}]
    return told.upper(), str(sessions[-1].get("reason") or "")


def _seems_alive(driver: Holder, commits: Sequence[Commit], now: float) -> bool:
    """Return whether a driver whose lock cannot be seen from here committed lately, or has just begun."""
    latest = max(commits[-1].at if commits else 0.0, moment(driver.started_at) or 0.0)
    return driver.alive is None and now - latest <= _RECENTLY


def _eta(jobs: Counts, jobs_per_sec: float | None) -> float | None:
    return jobs.pending / jobs_per_sec if jobs_per_sec else None


def _command(subject: Subject, runs: Counts) -> str:
    if subject.kind == "run":
        return "the same 'dbatch run'" if runs.pending or runs.unsuccessful else ""
    if runs.pending:
        return shlex.join(["dbatch", "resume", str(subject.folder)])
    return shlex.join(["dbatch", "retry", str(subject.folder)]) if runs.unsuccessful else ""
