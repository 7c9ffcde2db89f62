"""Jobs of a compiled strategy that go through the events of a security together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from typing import Final

from dbatch.data.faults import Faults
from dbatch.engine.alone import Ask, events_of, handler_of, run_one
from dbatch.engine.job import MOST_SETS, run_jobs
from dbatch.engine.outcome import Outcome, success, with_events
from dbatch.errors import StorageError
from dbatch.model import Job, RunContext
from dbatch.plugins.loading import Load, declared_needs
from dbatch.strategies import CompiledStrategy

_LONGEST_SEC: Final = 1.0
"""What one pass should take at most: somebody may want the batch to end with the jobs that it is at."""


def run_together(
    context: RunContext, jobs: Sequence[Job], *, load: Load, stop: Ask, hears_signals: bool
) -> Generator[Sequence[Outcome], None, None]:
    """Yield what becomes of `jobs`, in their order, bit for bit what `run_one` gives; raises what that raises.

    The first job goes alone: as many go together then as take a second.
    """
    waiting = deque(jobs)
    most = 1
    while waiting:
        some = [waiting.popleft()]
        while waiting and len(some) < most and _alike(waiting[0], some[0]):
            some.append(waiting.popleft())
        began = time.perf_counter()
        outcomes = _outcomes(context, some, load, stop, hears_signals)
        seconds = (time.perf_counter() - began) / len(some)
        most = max(1, min(MOST_SETS, int(_LONGEST_SEC / max(seconds, 1e-9))))
        yield outcomes


def _alike(one: Job, other: Job) -> bool:
    return one.security == other.security and one.fingerprint == other.fingerprint


def _outcomes(
    context: RunContext, jobs: Sequence[Job], load: Load, stop: Ask, hears_signals: bool
) -> Sequence[Outcome]:
    if len(jobs) > 1:
        try:
            together = _of_one_pass(context, jobs, load, stop)
            if together is not None:
                return together
        except (StorageError, InterruptedError):
            raise
        except KeyboardInterrupt:
            if hears_signals:
                raise
        except (Exception, SystemExit):  # noqa: BLE001, S110 - one of them is to blame, and will say so itself
            pass
    return [run_one(context, job, load=load, stop=stop, hears_signals=hears_signals) for job in jobs]


def _of_one_pass(context: RunContext, jobs: Sequence[Job], load: Load, stop: Ask) -> Sequence[Outcome] | None:
    """Return what becomes of `jobs`; None where the factory gives them different strategies."""
    began = time.perf_counter()
    strategy, *others = (handler_of(context, job, load) for job in jobs)
    if not isinstance(strategy, CompiledStrategy) or any(other != strategy for other in others):
        return None
    faults = Faults()
    needs = declared_needs(context.strategy, strategy)
    results = run_jobs(
        strategy, [job.section for job in jobs], events_of(context, jobs[0], faults), needs=needs, stop=stop
    )
    notes = faults.lines()
    seconds = (time.perf_counter() - began) / len(jobs)
    return [
        success(context, job, with_events(result, context, job, faults), notes, seconds)
        for job, result in zip(jobs, results, strict=True)
    ]
