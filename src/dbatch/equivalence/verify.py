"""Computes one request by the sequential reference and by the engine, in every way asked for, and compares."""

from __future__ import annotations

import dataclasses
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbatch.batch import Plan, RunRequest, make_plan
from dbatch.data.read import DEFAULT_CHUNK_ROWS
from dbatch.equivalence.causes import Cause, Trials, find_cause
from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import Comparison, compare_results
from dbatch.equivalence.events import events_around
from dbatch.equivalence.results import ResultSet, paired, read_results
from dbatch.equivalence.variations import DIMENSIONS, Variation, described, usual_chunk, variations
from dbatch.errors import UsageError
from dbatch.plugins.discovery import resolve, search_paths
from dbatch.trials.launch import TrialOutcome

DEFAULT_SAMPLE = 4


@dataclass(frozen=True)
class VerifyRequest:
    """What `dbatch verify` was asked.

    `run` is what to compute; `sample` how many securities (None for all); `vary` the dimensions in which the
    distributed run is repeated. `against` is the same request for another strategy, when two are to be compared.
    Both sides are kept in `keep`, or thrown away.
    """

    run: RunRequest
    sample: int | None = DEFAULT_SAMPLE
    vary: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    against: RunRequest | None = None
    keep: Path | None = None


@dataclass(frozen=True)
class Checked:
    """One distributed run against the reference: the comparison, or the `fault` that left nothing to compare."""

    variation: Variation
    comparison: Comparison | None
    fault: str | None
    seconds: float

    @property
    def holds(self) -> bool:
        return self.comparison is not None and self.comparison.holds

    @property
    def reason(self) -> str:
        """Why it does not hold; empty when it does."""
        return self.fault or (self.comparison.reason if self.comparison is not None else "nothing was compared")


@dataclass(frozen=True)
class VerifyReport:
    """What was found: each distributed run against the sequential reference, and the cause of a difference.

    `securities` were computed, of `available`. `skipped` names the variations that were not tried any more after
    one had differed; `events` are those around the first fill that differs.
    """

    strategy: str
    against: str | None
    securities: tuple[str, ...]
    available: int
    checked: tuple[Checked, ...]
    skipped: tuple[str, ...] = ()
    cause: Cause | None = None
    fault: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether something was compared and nothing differed."""
        return self.fault is None and bool(self.checked) and all(checked.holds for checked in self.checked)

    @property
    def rows(self) -> int:
        """How many fills were compared, over all runs."""
        return sum(checked.comparison.rows for checked in self.checked if checked.comparison is not None)


def verify(request: VerifyRequest, tell: Callable[[str], None] = lambda text: None) -> VerifyReport:
    """Return the evidence that `request.run` gives the same whichever way it is computed, or what is against it.

    Every run is made in a process of its own; `tell` hears of each. Raises UsageError (and its kinds) when the
    request cannot be carried out at all.
    """
    unknown = [name for name in request.vary if name not in DIMENSIONS]
    if unknown:
        raise UsageError(f"--vary {unknown[0]}: must be some of {','.join(DIMENSIONS)}")
    plan = make_plan(request.run)
    if request.against is not None:  # its name is looked up here, but it is not imported: modules may clash
        resolve(request.against.strategy, search_paths(request.against.strategy_paths))
    names = [job.security.name for job in plan.jobs]
    chosen = sample_of(names, request.sample)
    with ExitStack() as stack:
        folder = request.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbatch-verify-")))
        return _Verification(request, plan, chosen, folder, tell).report()


def sample_of(names: Sequence[str], size: int | None) -> tuple[str, ...]:
    """Return `size` of `names`, in their order: always the same ones, chosen by a hash of the name; None for all."""
    if size is None or size >= len(names):
        return tuple(names)
    chosen = set(sorted(names, key=lambda name: (zlib.crc32(name.encode()), name))[:size])
    return tuple(name for name in names if name in chosen)


class _Verification:
    """One call of `verify`: the reference once, then distributed runs until all hold or one does not."""

    def __init__(
        self, request: VerifyRequest, plan: Plan, securities: tuple[str, ...], folder: Path, tell: Callable[[str], None]
    ) -> None:
        self._request = request
        self._plan = plan
        self._securities = securities
        self._tell = tell
        self._trials = Trials(request.run, securities, folder)
        self._other = self._trials
        if request.against is not None:
            self._other = Trials(request.against, securities, folder, prefix="against-")

    def report(self) -> VerifyReport:
        reference = self._trials.reference("reference")
        if reference.fault is not None:
            return self._report((), fault=f"the sequential reference gave nothing: {reference.fault}")
        results = read_results(reference.output_dir)
        self._tell(f"reference: {len(self._securities)} securities one after the other, {_seconds(reference):.1f} s")
        events = [result.events for result in results.securities.values() if result.events is not None]
        first = self._first(events)
        checked = [self._check(results, first, "distributed-00")]
        rest = list(
            variations(
                self._request.vary, first, jobs=len(self._securities), events=events, compiled=self._plan.compiled
            )
        )
        while checked[-1].holds and rest:
            checked.append(self._check(results, rest.pop(0), f"distributed-{len(checked):02d}"))
        cause = self._cause(results, checked[-1])
        return self._report(tuple(checked), tuple(variation.name for variation in rest), cause)

    def _first(self, events: Sequence[int]) -> Variation:
        asked = self._request.run.chunk_rows
        rows = usual_chunk(events, asked) if asked == DEFAULT_CHUNK_ROWS else asked
        execution = dataclasses.replace(self._request.run.execution, serial=False, dashboard=False)
        if execution.workers is None and execution.scheduler is None:
            execution = dataclasses.replace(execution, workers=max(2, execution.slots(len(self._securities))))
        return Variation("distributed", described(execution, rows, len(self._securities)), execution, rows)

    def _check(self, reference: ResultSet, variation: Variation, name: str) -> Checked:
        outcome = self._other.distributed(variation, name)
        if outcome.fault is not None:
            self._tell(f"{variation.name}: {outcome.fault}")
            return Checked(variation, None, outcome.fault, 0.0)
        comparison = compare_results(
            reference, read_results(outcome.output_dir), tolerance=self._request.tolerance, same_events=True
        )
        checked = Checked(variation, comparison, None, _seconds(outcome))
        said = f"{comparison.rows:,} fills equal" if checked.holds else f"NOT EQUAL, {checked.reason}"
        self._tell(f"{variation.name}: {said}, {checked.seconds:.1f} s")
        return checked

    def _cause(self, reference: ResultSet, last: Checked) -> Cause | None:
        telling = [] if last.holds or last.comparison is None else _telling(last.comparison)
        if not telling or last.comparison is None:
            return None
        self._tell(f"looking for the cause with {telling[0]}")
        if self._request.against is None:
            return self._cause_in(self._trials, reference, telling[0], last)
        sides = (
            ("the other strategy: ", self._other, last.comparison.right),
            ("the first strategy: ", self._trials, reference),
        )
        for side, trials, seen in sides:
            security = self._not_given_again(trials, seen)
            if security is not None:
                cause = self._cause_in(trials, None, security, last)
                return dataclasses.replace(cause, text=side + cause.text)
        return Cause(
            "other_strategy", "the two strategies differ; each by itself gives the same serially and in parallel"
        )

    def _not_given_again(self, trials: Trials, seen: ResultSet) -> str | None:
        """Return a security of which a serial run of one side does not give what was `seen`; None where it does."""
        again = trials.reference()
        if again.fault is not None:
            return self._securities[0]
        found = compare_results(read_results(again.output_dir), seen, tolerance=self._request.tolerance)
        return next(iter(_telling(found)), None)

    def _cause_in(self, trials: Trials, reference: ResultSet | None, security: str, last: Checked) -> Cause:
        return find_cause(trials, reference, security, self._securities, last.variation, self._request.tolerance)

    def _report(
        self,
        checked: tuple[Checked, ...],
        skipped: tuple[str, ...] = (),
        cause: Cause | None = None,
        fault: str | None = None,
    ) -> VerifyReport:
        against = self._request.against
        return VerifyReport(
            strategy=self._plan.ref.name,
            against=None if against is None else f"{against.strategy} of {', '.join(against.strategy_paths)}",
            securities=self._securities,
            available=len(self._plan.jobs),
            checked=checked,
            skipped=skipped,
            cause=cause,
            fault=fault,
            events=self._events(checked[-1]) if checked else (),
        )

    def _events(self, last: Checked) -> tuple[Mapping[str, Any], ...]:
        """Return the events around the first difference."""
        for found in last.comparison.securities if last.comparison is not None else ():
            difference = found.difference
            if difference is not None and difference.row is not None:
                rows = (difference.left_rows.get(difference.row), difference.right_rows.get(difference.row))
                moment = min(row["timestamp"] for row in rows if row is not None)
                job = next(job for job in self._plan.jobs if job.security.name == found.security)
                return events_around(job.security, self._request.run.window, moment)
        return ()


def _telling(comparison: Comparison) -> list[str]:
    """Return the securities that can tell the cause: they differ, or failed on one side only."""
    return [
        found.security
        for found, (_, mine, theirs) in zip(
            comparison.securities, paired(comparison.left, comparison.right), strict=True
        )
        if found.verdict == "differs"
        or (mine is not None and theirs is not None and (mine.status == "success") != (theirs.status == "success"))
    ]


def _seconds(outcome: TrialOutcome) -> float:
    return outcome.measured.wall.total if outcome.measured is not None else 0.0
