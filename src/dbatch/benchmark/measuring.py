"""Carries out a request in turns, sequentially and with each number of workers, and measures each run."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dbatch.batch import RunRequest, make_plan
from dbatch.benchmark.report import Measurement, Report, Series, Subject, name_of
from dbatch.engine.execute import Execution
from dbatch.equivalence.compare import compare_results
from dbatch.equivalence.results import ResultSet, read_results
from dbatch.errors import DbatchError
from dbatch.results.versions import versions
from dbatch.trials.launch import TrialOutcome, launch
from dbatch.trials.trial import Trial

DEFAULT_REPEATS = 3
_NAMED_FAILURES = 5


@dataclass(frozen=True)
class Benchmark:
    """A request to measure: sequentially and with each of `workers`, `repeats` times."""

    run: RunRequest
    workers: tuple[int, ...]
    repeats: int = DEFAULT_REPEATS


def cores() -> int:
    """Return how many jobs run at a time on this machine when nobody says how many."""
    return Execution().slots(sys.maxsize)


def subject_of(request: RunRequest) -> Subject:
    """Return what `request` would measure; raises UsageError (and its kinds) when it cannot be carried out."""
    plan = make_plan(request)
    return Subject(
        strategy=plan.ref.name,
        code=plan.request.code,
        data={job.security.name: job.fingerprint for job in plan.jobs},
        parameters={job.security.name: _hash(job.section) for job in plan.jobs},
        window=request.window,
        chunk_rows=request.chunk_rows,
    )


def measure(benchmark: Benchmark, subject: Subject, tell: Callable[[str], None]) -> Report:
    """Return what was measured; `tell` gets a line for people after each run.

    Each run has a fresh process and an empty folder, which is gone when this returns. Before the first one that
    counts the work is done once, so that compiled code and converted workbooks are there; its results are what all
    others are compared with. Raises DbatchError when a run or a security fails.
    """
    ways: tuple[int | None, ...] = (None, *benchmark.workers)
    found: dict[int | None, list[Measurement]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="dbatch-benchmark-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        tell("once to warm up, not counted")
        first, _ = _carry_out(benchmark.run, None, folder / "first", "the warm-up")
        events = sum(result.events or 0 for result in first.securities.values())
        fills = sum(result.values["trades"] for result in first.securities.values())
        for repeat in range(1, benchmark.repeats + 1):
            for way in ways if repeat % 2 else reversed(ways):
                measurement = _measure(benchmark.run, way, repeat, folder / f"{repeat}-{way or 'alone'}", first)
                found[way].append(measurement)
                work = measurement.measured.wall.work
                tell(f"{repeat}/{benchmark.repeats} {name_of(way)}: {work:.2f} s of work")
    machine = {"cores": cores(), **versions()}
    series = tuple(Series(way, tuple(several)) for way, several in found.items())
    return Report(subject, machine, events, fills, series)


def _measure(run: RunRequest, workers: int | None, repeat: int, folder: Path, first: ResultSet) -> Measurement:
    results, outcome = _carry_out(run, workers, folder, f"{name_of(workers)}, repeat {repeat}")
    comparison = compare_results(first, results)
    differs = [f"{one.security}: {one.reason}" for one in comparison.securities if one.verdict != "equal"]
    shutil.rmtree(folder, ignore_errors=True)
    assert outcome.measured is not None, "a trial without a fault was measured"
    return Measurement(repeat, outcome.measured, differs[0] if differs else "")


def _carry_out(run: RunRequest, workers: int | None, folder: Path, what: str) -> tuple[ResultSet, TrialOutcome]:
    """Return the results in `folder` of `run` with so many workers, and how it ended; `what` names it in errors."""
    execution = replace(run.execution, workers=workers, serial=workers is None)
    outcome = launch(
        Trial("run", replace(run, output_dir=str(folder), execution=execution, fail_fast=False, rerun=False))
    )
    if outcome.fault is not None:
        raise DbatchError(f"{what}: {outcome.fault}")
    results = read_results(folder)
    failed = [result for result in results.securities.values() if result.status != "success"]
    if failed:
        named = "; ".join(f"{one.security} ({one.status}: {one.error})" for one in failed[:_NAMED_FAILURES])
        more = f"; and {len(failed) - _NAMED_FAILURES} more" if len(failed) > _NAMED_FAILURES else ""
        raise DbatchError(f"{what}: {len(failed)} of {len(results.securities)} securities failed: {named}{more}")
    return results, outcome


def _hash(section: Any) -> str:
    text = json.dumps(section, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
