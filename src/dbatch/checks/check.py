"""A strategy looked at over every security of a market."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from dbatch.batch.single import Plan, RunRequest, make_plan
from dbatch.checks import lookahead, warmup
from dbatch.checks.history import History, history_of
from dbatch.checks.lookahead import JobCheck
from dbatch.checks.made_up import made_up_data
from dbatch.checks.subject import Subject, subject_of
from dbatch.checks.warmup import JobWarmup
from dbatch.model import RunContext

One = TypeVar("One", JobCheck, JobWarmup)


@dataclass(frozen=True)
class CheckReport(Generic[One]):
    """What came of each security of a check; `kind` is that of the strategy, `notes` what its user should know."""

    strategy: str
    kind: str
    data: str
    seed: int
    securities: tuple[One, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict of any security, in the order of `WORST_FIRST`."""
        found = {one.verdict for one in self.securities}
        return next(verdict for verdict in WORST_FIRST if verdict in found)


WORST_FIRST = ("failed", "looks ahead", "known", "differs", "sound", "agrees", "nothing compared", "skipped")


@contextmanager
def _with_data(request: RunRequest) -> Iterator[tuple[RunRequest, tuple[str, ...]]]:
    """Give the request with data to run over, and what its user should be told about them."""
    with tempfile.TemporaryDirectory(prefix="dbatch-check-") as folder:
        made_up = made_up_data(request, Path(folder))
        if made_up is None:
            yield request, ()
        else:
            yield dataclasses.replace(request, data=made_up), ("no --data given: running over made-up bars",)


def check_lookahead(request: RunRequest, *, cuts: int = lookahead.DEFAULT_CUTS, seed: int = 0) -> CheckReport[JobCheck]:
    """Return whether the strategy of `request` decides alike when each security's data are cut at `cuts` places.

    Raises UsageError (and its kinds) for a strategy, data or parameters that cannot be used.
    """
    return _checked(request, seed, partial(lookahead.check_job, cuts=cuts, seed=seed))


def check_warmup(request: RunRequest, *, starts: int = warmup.DEFAULT_STARTS, seed: int = 0) -> CheckReport[JobWarmup]:
    """Return from when on the strategy of `request` decides alike when each security's data begin later.

    Raises as `check_lookahead` does.
    """
    return _checked(request, seed, partial(warmup.check_job, starts=starts, seed=seed))


def _checked(
    request: RunRequest, seed: int, check: Callable[[Subject, Callable[[], History], str], One]
) -> CheckReport[One]:
    kinds: set[str] = set()
    found: list[One] = []
    with _with_data(request) as (asked, notes):
        plan = make_plan(asked)
        context = _context(plan, asked)
        for job in plan.jobs:
            subject = subject_of(context, job)
            kinds.add(subject.kind)
            found.append(check(subject, partial(history_of, context, job), job.security.name))
    kind = " or ".join(sorted(kinds))
    if notes:
        return CheckReport(plan.ref.name, kind, "made-up bars", seed, tuple(found), notes)
    return CheckReport(plan.ref.name, kind, plan.market.origin, seed, tuple(found), plan.notes)


def _context(plan: Plan, request: RunRequest) -> RunContext:
    return RunContext(
        run_id="check",
        strategy=plan.ref,
        compiled=plan.compiled,
        sections=plan.sections.mapping,
        window=request.window,
        chunk_rows=request.chunk_rows,
        output_dir="",
    )


def as_document(report: CheckReport[JobCheck] | CheckReport[JobWarmup], schema: str) -> dict[str, Any]:
    """Return `report` as JSON has it."""
    securities = [dataclasses.asdict(one) for one in report.securities]
    return {"schema": schema, **vars(report), "verdict": report.verdict, "securities": securities}
