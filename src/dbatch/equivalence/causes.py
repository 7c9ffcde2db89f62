"""Why two ways of computing the same thing differ, found by experiment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

from dbatch.batch import RunRequest
from dbatch.data.read import DEFAULT_CHUNK_ROWS
from dbatch.engine.execute import Execution
from dbatch.equivalence.columns import Tolerance
from dbatch.equivalence.compare import compare_results
from dbatch.equivalence.results import ResultSet, read_results
from dbatch.equivalence.variations import Variation
from dbatch.model import UNIVERSE
from dbatch.reference.loop import How
from dbatch.trials.launch import TrialOutcome, launch
from dbatch.trials.trial import Trial

CauseKind = Literal["not_deterministic", "leaks_between_securities", "depends_on_chunks", "engine", "other_strategy"]
_MOST_NEIGHBOURS = 8
_IN_ITS_TURN = "in its turn"
_REPEATS_WHEN_QUICK, _REPEATS_WHEN_SLOW, _QUICK_SECONDS = 5, 2, 5.0


@dataclass(frozen=True)
class Cause:
    """What an experiment showed: the kind of fault, what that means and what to do, and the two runs that differ."""

    kind: CauseKind
    text: str
    evidence: str = ""


class Trials:
    """Runs of one request over some of its securities, each in a process and a folder of its own."""

    def __init__(self, request: RunRequest, securities: Sequence[str], folder: Path, prefix: str = "") -> None:
        self._request = _limited(request, securities)
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
            rerun=True,  # what lies there already is not what this run gives
        )
        return launch(Trial("run", _limited(request, securities)))

    def _place(self, name: str) -> str:
        return str(self._folder / f"{self._prefix}{name or f'experiment-{next(self._numbers):02d}'}")


def _limited(request: RunRequest, securities: Sequence[str] | None) -> RunRequest:
    """Return `request` for `securities` alone, without what `--set` says of others: it would be refused.

    A universe is all that was asked for.
    """
    if securities is None or UNIVERSE in securities:
        return request
    asked = {name.casefold() for name in securities}
    overrides = {
        key: value
        for key, value in request.overrides.items()
        if "." not in key or key.rpartition(".")[0].casefold() in asked
    }
    return dataclasses.replace(request, securities=tuple(securities), overrides=overrides)


@dataclass(frozen=True)
class _Experiment:
    """A serial run that differs from that of the security alone in one thing, in words `thing`; `kind` is its cause."""

    kind: CauseKind
    thing: str
    securities: tuple[str, ...]
    how: How = field(default_factory=How)


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
    made in this order, as each takes for granted what the one before has shown; one that shows something is made
    twice, lest chance be taken for it.
    """
    lab = _Lab(trials, security, tolerance)
    alone, seconds = lab.alone()
    repeats = _REPEATS_WHEN_QUICK if seconds < _QUICK_SECONDS else _REPEATS_WHEN_SLOW
    for _ in range(repeats - 1):
        again, _ = lab.alone()
        if evidence := lab.difference(alone, again):
            return _cause("not_deterministic", f"{security} alone, twice: {evidence}")
    for experiment in _experiments(security, securities, variation.chunk_rows, reference is not None):
        found = reference if experiment.thing == _IN_ITS_TURN else lab.run(experiment)
        if evidence := lab.difference(alone, found):
            if unsteady := lab.difference(found, lab.run(experiment)):
                return _cause("not_deterministic", f"{security} {experiment.thing}, twice: {unsteady}")
            return _cause(experiment.kind, f"{security} alone, and {experiment.thing}: {evidence}")
    through_engine = lab.difference(alone, lab.serial_through_engine())
    told = f"differs: {through_engine}" if through_engine else "agrees with them, so it is where or when jobs run"
    return _cause("engine", f"the engine's own serial run of {security} {told}")


def _cause(kind: CauseKind, evidence: str) -> Cause:
    return Cause(kind, _TEXTS[kind], evidence)


def _experiments(security: str, securities: Sequence[str], chunk_rows: int, done: bool) -> Iterator[_Experiment]:
    """Yield what may show the cause, the likeliest and cheapest first; the one that was `done` before all others.

    One order of securities may hide a leak by chance, as where it counts to ten; so there are several.
    """
    leaks: CauseKind = "leaks_between_securities"
    neighbours = [name for name in securities if name != security][:_MOST_NEIGHBOURS]
    if neighbours and done:
        yield _Experiment(leaks, _IN_ITS_TURN, tuple(securities))
    orders = [neighbours, neighbours[1:], neighbours[:1], neighbours[-1:]]
    for before in dict.fromkeys(tuple(order) for order in orders if order):
        order = (*before, security)
        yield _Experiment(leaks, f"after {', '.join(before)}", order, How(order))
    for rows in sorted({chunk_rows, max(chunk_rows // 2, 1)}, reverse=True):
        told = f"in chunks of {rows:,} rows"
        yield _Experiment("depends_on_chunks", told, (security,), How(chunk_rows=rows))
    if neighbours:
        order = (*neighbours, security)
        told = f"after {', '.join(neighbours)}, all in chunks of {chunk_rows:,} rows"
        yield _Experiment(leaks, told, order, How(order, chunk_rows))
    told = "with its handler as the first that the process makes"
    yield _Experiment(leaks, told, (security,), How(planned_elsewhere=True))


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

    def run(self, experiment: _Experiment) -> ResultSet | None:
        return _results(self._trials.reference(securities=experiment.securities, how=experiment.how))

    def serial_through_engine(self) -> ResultSet | None:
        """Return the security as `dbatch run --serial` computes it: the engine's readers and files, no cluster."""
        serial = Variation("engine", "serial", Execution(serial=True), DEFAULT_CHUNK_ROWS)
        return _results(self._trials.distributed(serial, securities=[self._security]))

    def difference(self, left: ResultSet | None, right: ResultSet | None) -> str:
        """Return how the security differs between two runs; empty when it does not, or failed in both."""
        if left is None or right is None:
            return "" if left is right else "one of the two runs ended before its time"
        found = next(
            item
            for item in compare_results(left, right, tolerance=self._tolerance).securities
            if item.security == self._security
        )
        failed = [run.securities[found.security].status != "success" for run in (left, right)]
        return "" if found.verdict == "equal" or all(failed) else found.reason


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
