"""Why two ways of computing the same thing differ, found by experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from dbatch.batch import RunRequest
from dbatch.data.read import DEFAULT_CHUNK_ROWS
from dbatch.engine.execute import Execution
from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import SecurityComparison, compare_results
from dbatch.equivalence.results import ResultSet, read_results
from dbatch.equivalence.variations import Variation
from dbatch.reference.loop import How
from dbatch.trials.launch import TrialOutcome, launch
from dbatch.trials.trial import Trial

CauseKind = Literal["not_deterministic", "leaks_between_securities", "depends_on_chunks", "engine", "other_strategy"]
_MOST_NEIGHBOURS = 8
_REPEATS_WHEN_QUICK, _REPEATS_WHEN_SLOW, _QUICK_SECONDS = 5, 2, 5.0


@dataclass(frozen=True)
class Cause:
    """What an experiment showed: the kind of fault, what that means and what to do, and the two runs that differ."""

    kind: CauseKind
    text: str
    evidence: str = ""


class Trials:
    """Runs of one request, each in a process and a folder of its own."""

    def __init__(self, request: RunRequest, folder: Path, prefix: str = "") -> None:
        self._request = request
        self._folder = folder
        self._prefix = prefix
        self._numbers = count(1)

    def reference(
        self, name: str = "", *, securities: Sequence[str] | None = None, how: How | None = None
    ) -> TrialOutcome:
        """Return the sequential reference over `securities` (all by default)."""
        request = dataclasses.replace(self._request, output_dir=self._place(name))
        return launch(Trial("reference", _limited(request, securities), how or How()))

    def distributed(
        self, variation: Variation, name: str = "", *, securities: Sequence[str] | None = None
    ) -> TrialOutcome:
        """Return the run that `dbatch run` makes, in the way of `variation`, over `securities` (all by default)."""
        request = dataclasses.replace(
            self._request,
            output_dir=self._place(name),
            execution=variation.execution,
            chunk_rows=variation.chunk_rows,
        )
        return launch(Trial("run", _limited(request, securities)))

    def _place(self, name: str) -> str:
        return str(self._folder / f"{self._prefix}{name or f'experiment-{next(self._numbers):02d}'}")


def _limited(request: RunRequest, securities: Sequence[str] | None) -> RunRequest:
    return request if securities is None else dataclasses.replace(request, securities=tuple(securities))


def find_cause(
    trials: Trials,
    reference: ResultSet | None,
    security: str,
    securities: Sequence[str],
    variation: Variation,
    tolerance: Tolerance,
) -> Cause:
    """Return the cause of a difference found in `security` when computed in the way of `variation`.

    Each experiment changes one thing of a serial run, in fresh processes: nothing at all (not deterministic), what
    the process computed before (state leaks between securities), the chunks (state is lost or duplicated between
    chunks). When none of them matters, it is the engine, or a strategy that asks where it runs. Experiments are
    made in this order, as each takes for granted what the one before has shown.
    """
    lab = _Lab(trials, security, tolerance)
    alone, seconds = lab.alone()
    repeats = _REPEATS_WHEN_QUICK if seconds < _QUICK_SECONDS else _REPEATS_WHEN_SLOW
    for _ in range(repeats - 1):
        again, _ = lab.alone()
        if evidence := lab.difference(alone, again):
            return Cause("not_deterministic", _TEXTS["not_deterministic"], f"{security} alone, twice: {evidence}")
    if evidence := _leak(lab, alone, reference, security, securities):
        return Cause("leaks_between_securities", _TEXTS["leaks_between_securities"], evidence)
    for rows in sorted({variation.chunk_rows, max(variation.chunk_rows // 2, 1)}, reverse=True):
        cut = lab.run([security], How(chunk_rows=rows))
        if evidence := lab.difference(alone, cut):
            told = f"{security} whole, and in chunks of {rows:,} rows: {evidence}"
            return Cause("depends_on_chunks", _TEXTS["depends_on_chunks"], told)
    through_engine = lab.difference(alone, lab.serial_through_engine())
    told = f"differs: {through_engine}" if through_engine else "agrees with them, so it is where or when jobs run"
    return Cause("engine", _TEXTS["engine"], f"the engine's own serial run of {security} {told}")


def _leak(
    lab: _Lab, alone: ResultSet | None, reference: ResultSet | None, security: str, securities: Sequence[str]
) -> str:
    """Return what shows that other securities change the result of `security`; empty when nothing does.

    One order may hide a leak by chance, as where it counts to ten; so there are several.
    """
    neighbours = [name for name in securities if name != security][:_MOST_NEIGHBOURS]
    if reference is not None and (evidence := lab.difference(alone, reference)):
        return f"{security} alone, and in its turn: {evidence}"
    orders = [neighbours, neighbours[1:], neighbours[:1], neighbours[-1:]]
    for before in dict.fromkeys(tuple(order) for order in orders if order):
        followed = lab.run([*before, security], How(order=(*before, security)))
        if evidence := lab.difference(alone, followed):
            return f"{security} alone, and after {', '.join(before)}: {evidence}"
    return ""


class _Lab:
    """Serial runs and what they show of one security."""

    def __init__(self, trials: Trials, security: str, tolerance: Tolerance) -> None:
        self._trials = trials
        self._security = security
        self._tolerance = tolerance

    def alone(self) -> tuple[ResultSet | None, float]:
        """Return the security by itself in a fresh process, and the seconds of work that it took."""
        outcome = self._trials.reference(securities=[self._security])
        return _results(outcome), outcome.measured.wall.work if outcome.measured is not None else 0.0

    def run(self, securities: Sequence[str], how: How) -> ResultSet | None:
        return _results(self._trials.reference(securities=securities, how=how))

    def serial_through_engine(self) -> ResultSet | None:
        """Return the security as `dbatch run --serial` computes it: the engine's readers and files, no cluster."""
        serial = Variation("engine", "serial", Execution(serial=True), DEFAULT_CHUNK_ROWS)
        return _results(self._trials.distributed(serial, securities=[self._security]))

    def difference(self, left: ResultSet | None, right: ResultSet | None) -> str:
        """Return how the security differs between two runs; empty when it does not, failures alike."""
        if left is None or right is None:
            return "" if left is right else "one of the two runs ended before its time"
        found = next(
            item
            for item in compare_results(left, right, tolerance=self._tolerance).securities
            if item.security == self._security
        )
        return "" if found.verdict == "equal" or _failed_alike(found, left, right) else found.reason


def _failed_alike(found: SecurityComparison, left: ResultSet, right: ResultSet) -> bool:
    mine, theirs = left.securities[found.security], right.securities[found.security]
    return mine.status == theirs.status != "success" and mine.error == theirs.error


def _results(outcome: TrialOutcome) -> ResultSet | None:
    return None if outcome.fault is not None else read_results(outcome.output_dir)


_TEXTS = {
    "not_deterministic": (
        "the strategy is not deterministic: the same serial run twice, in fresh processes, gives different results; "
        "look for random numbers without a seed, the clock, hash() or the order of a set, the process number"
    ),
    "leaks_between_securities": (
        "state leaks between securities: what a process computed before changes the result; look for globals of "
        "the module, attributes of a class, default arguments that are changed, caches: keep state in the handler's "
        "state alone"
    ),
    "depends_on_chunks": (
        "state is lost or duplicated between chunks: where events are cut changes the result; look for variables "
        "that start anew at every call, and for work done at the end of every chunk: carry all in the state"
    ),
    "engine": (
        "none of the strategy's usual faults: serial runs agree whatever the order and the chunks; so it is the "
        "engine itself, or a strategy that asks where it runs (threads, processes, environment, files). Keep both "
        "sides with --keep and report it"
    ),
}
