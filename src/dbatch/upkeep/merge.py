"""One batch made of what several folders hold of it, or of what a broken one still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from dbatch.errors import OutputError
from dbatch.results.adopt import adopt
from dbatch.results.consolidate import consolidate
from dbatch.results.folder import locked
from dbatch.results.ledger import LEDGER_NAME, Ledger, Planned, open_ledger
from dbatch.upkeep.subject import Subject, reading, require
from dbatch.upkeep.take import Taken, take
from dbatch.upkeep.tally import Counts, count_all


@dataclass(frozen=True)
class Conflict:
    """A job of which two folders hold different results, or which they planned from different inputs."""

    run_id: str
    security: str
    why: str


@dataclass(frozen=True)
class Merged:
    """What a merge came to.

    `runs` are counts of the planned runs, `total` how many the batch has; `missing` are ranges of run numbers, the
    end not in them, that are not planned here or have jobs without a result. `not_taken` are parts of the sources
    that are damaged, `damaged_jobs` counts those whose part is damaged here.
    """

    runs: Counts
    total: int
    adopted: int
    taken_jobs: int
    copied_parts: int
    missing: tuple[tuple[int, int], ...]
    not_taken: tuple[str, ...]
    damaged_jobs: int
    conflicts: tuple[Conflict, ...]


@dataclass
class _Plan:
    """The union of plans, and what they do not agree on."""

    runs: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    jobs: dict[tuple[int, str], Planned] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)

    def add(self, subject: Subject, ledger: Ledger) -> None:
        """Add the plan of a folder. Raises OutputError for a run that has another id here."""
        for number, run_id, spec in ledger.runs():
            known, _ = self.runs.setdefault(number, (run_id, spec))
            if known != run_id:
                raise OutputError(f"{subject.folder}: its run {number} is {run_id!r}, elsewhere it is {known!r}")
        for job in ledger.planned():
            known_job = self.jobs.setdefault((job.run, job.security), job)
            if known_job.key != job.key:
                why = "planned from other data, code or parameters"
                self.conflicts.append(Conflict(self.runs[job.run][0], job.security, f"{subject.folder}: {why}"))

    def conflict(self, keys: Sequence[str], source: Path) -> Iterator[Conflict]:
        """Yield the conflicts of jobs that gave other fills in `source`."""
        wanted = set(keys)
        for job in self.jobs.values():
            if job.key in wanted:
                yield Conflict(self.runs[job.run][0], job.security, f"{source}: other fills")


def rebuild(folder: Path) -> Merged:
    """Adopt what is on disk of the batch in `folder`, and make its derived files from all that is there.

    Raises OutputError for a folder without a batch, LockedError while a driver is at it, StorageError.
    """
    with reading(folder) as (subject, _):
        _refuse_run(subject)
    with locked(folder), open_ledger(folder) as ledger:
        return _finished(folder, ledger, adopted=adopt(folder, ledger), taken=[], conflicts=[])


def merge(folder: Path, sources: Sequence[Path]) -> Merged:
    """Make `folder`, new or one of the same batch, hold what `sources` hold, and make its derived files.

    Doing it twice changes nothing. Raises OutputError for sources that are not of one batch or whose strategies or
    data differ, LockedError while a driver is at `folder`, StorageError.
    """
    plan = _Plan()
    subjects: list[Subject] = []
    if (folder / LEDGER_NAME).is_file():
        with reading(folder) as (ours, ledger):
            subjects.append(ours)
            plan.add(ours, ledger)
    with ExitStack() as open_sources:
        opened = [open_sources.enter_context(reading(source)) for source in _distinct(folder, sources)]
        subjects += [subject for subject, _ in opened]
        _refuse_others(subjects)
        for subject, theirs in opened:
            plan.add(subject, theirs)
        with locked(folder), open_ledger(folder) as ledger:
            _write_plan(folder, ledger, plan, subjects)
            adopted = adopt(folder, ledger)
            taken, conflicts = _take_all(folder, ledger, plan, opened)
            return _finished(folder, ledger, adopted=adopted, taken=taken, conflicts=conflicts)


def _take_all(
    folder: Path, ledger: Ledger, plan: _Plan, sources: Sequence[tuple[Subject, Ledger]]
) -> tuple[list[Taken], list[Conflict]]:
    keys = {job.key for job in plan.jobs.values()}
    taken, conflicts = [], list(plan.conflicts)
    for subject, theirs in sources:
        taken.append(take(folder, ledger, subject.folder, theirs, keys))
        conflicts += plan.conflict(taken[-1].conflicts, subject.folder)
    return taken, conflicts


def _distinct(folder: Path, sources: Sequence[Path]) -> list[Path]:
    for source in sources:
        require(source)
        if source.resolve() == folder.resolve():
            raise OutputError(f"{source}: is the folder to merge into; name the other ones")
    return list({source.resolve(): source for source in sources}.values())


def _refuse_run(subject: Subject) -> None:
    if subject.kind == "run":
        raise OutputError(f"{subject.folder}: holds a single run, no batch; the same 'dbatch run' makes its files")


def _refuse_others(subjects: Sequence[Subject]) -> None:
    """Raise OutputError for folders that are not of one batch, or were computed from other code or data."""
    first = subjects[0]
    for other in subjects:
        _refuse_run(other)
        hashes = [subject.facts.get("batch", {}).get("config_hash") for subject in (first, other)]
        if hashes[0] != hashes[1]:
            raise OutputError(
                f"{first.folder} (config {hashes[0]}) and {other.folder} (config {hashes[1]}) are not of one batch"
            )
        differing = _differing(first.facts.get("inputs") or (), other.facts.get("inputs") or ())
        if differing:
            raise OutputError(f"{first.folder} and {other.folder} were computed from other {differing}")


def _differing(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> str:
    """Return in words what two sets of inputs both name, but not with the same content; empty when nothing."""
    sides = [_contents(left), _contents(right)]
    names = [name for name in sides[0] if name in sides[1] and not sides[0][name] & sides[1][name]]
    return ", ".join(sorted(names)[:5])


def _contents(inputs: Sequence[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the hashes of code and data that inputs name, for people's words on them."""
    found: dict[str, set[str]] = {}
    for each in inputs:
        found.setdefault(f"code of strategy {each['strategy']['name']!r}", set()).add(each["code"])
        for security, facts in each["securities"].items():
            found.setdefault(f"data of {security}", set()).add(facts["fingerprint"])
    return found


def _write_plan(folder: Path, ledger: Ledger, plan: _Plan, subjects: Sequence[Subject]) -> None:
    rows = [(number, run_id, spec) for number, (run_id, spec) in sorted(plan.runs.items())]
    ledger.plan(rows, [plan.jobs[place] for place in sorted(plan.jobs)])
    first = subjects[0].facts
    facts: dict[str, Any] = {name: first[name] for name in ("environment",) if name in first}
    facts["batch"] = {**first.get("batch", {}), "output_root": str(folder.absolute().parent)}
    facts["options"] = {**first.get("options", {}), "runs": None}
    for name in ("inputs", "sessions"):
        every = [one for subject in subjects for one in subject.facts.get(name) or ()]
        facts[name] = list({json.dumps(one, sort_keys=True): one for one in every}.values())
    facts["sessions"].sort(key=lambda session: str(session.get("started_at")))
    for name, choose in (("started_at", min), ("finished_at", max)):
        facts[name] = choose((time for subject in subjects if (time := subject.facts.get(name))), default=None)
    ledger.remember(**facts)


def _finished(
    folder: Path, ledger: Ledger, *, adopted: int, taken: Sequence[Taken], conflicts: Sequence[Conflict]
) -> Merged:
    """Make the derived files, and return what all came to."""
    runs, _ = count_all(ledger)
    missing, total = _missing(ledger)
    state = "interrupted" if missing else "failed" if runs.unsuccessful else "finished"
    ledger.remember(state=state)
    consolidation = consolidate(folder, ledger)
    return Merged(
        runs=runs,
        total=total,
        adopted=adopted,
        taken_jobs=sum(one.jobs for one in taken),
        copied_parts=sum(one.parts for one in taken),
        missing=tuple(missing),
        not_taken=tuple(part for one in taken for part in one.damaged),
        damaged_jobs=len(consolidation.damaged),
        conflicts=tuple(conflicts),
    )


def _missing(ledger: Ledger) -> tuple[list[tuple[int, int]], int]:
    """Return the ranges of runs that are not all there, and how many runs the batch has."""
    numbers = {number for number, _, _ in ledger.runs()}
    pending = ledger.query("select distinct run from planned where key not in (select key from receipts)")
    there = numbers - {number for (number,) in pending}
    total = ledger.facts().get("batch", {}).get("runs") or max(numbers, default=-1) + 1
    edges = [-1, *sorted(there), total]
    ranges = [(left + 1, right) for left, right in pairwise(edges) if right > left + 1]
    return ranges, total
