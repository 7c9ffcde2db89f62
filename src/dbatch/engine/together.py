"""Jobs of a compiled strategy that go through the events of a security together."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, Final

from dbatch.data.faults import Faults
from dbatch.engine.alone import events_of, handler_of, run_one
from dbatch.engine.block import Together, block_of, together
from dbatch.engine.fees import after_fees
from dbatch.engine.job import MOST_SETS, Ask, run_jobs
from dbatch.engine.outcome import Outcome, with_events
from dbatch.errors import StorageError
from dbatch.model import Job, RunContext
from dbatch.plugins.loading import Load, declared_needs
from dbatch.results.part import PartBlock
from dbatch.strategies import CompiledStrategy, EventStrategy

MOST_BAR_SETS: Final = 512
"""Sets of parameters over bars go one after the other, but share indicators and what a pass costs anyhow."""

_LONGEST_SEC: Final = 1.0
"""What one pass should take at most: somebody may want the batch to end with the jobs that it is at."""


def run_together(
    context: RunContext, jobs: Sequence[Job], *, load: Load, stop: Ask, hears_signals: bool
) -> Generator[Sequence[Outcome] | PartBlock, None, None]:
    """Yield what becomes of `jobs`, in their order, bit for bit what `run_one` gives; raises what that raises.

    The first job goes alone: as many go together then as take a second. Those of a sweep that all succeed come as one
    block of columns.
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
        widest = MOST_BAR_SETS if some[0].security.source.bars else MOST_SETS
        most = max(1, min(widest, int(_LONGEST_SEC / max(seconds, 1e-9))))
        yield outcomes


def _alike(one: Job, other: Job) -> bool:
    return one.security is other.security or (one.security == other.security and one.fingerprint == other.fingerprint)


def _outcomes(
    context: RunContext, jobs: Sequence[Job], load: Load, stop: Ask, hears_signals: bool
) -> Sequence[Outcome] | PartBlock:
    if len(jobs) > 1 and context.sweep:
        try:
            block = _of_one_pass(context, jobs, load, stop)
            if block is not None:
                return block
        except (StorageError, InterruptedError):
            raise
        except KeyboardInterrupt:
            if hears_signals:
                raise
        except (Exception, SystemExit):  # noqa: BLE001, S110 - one of them is to blame, and will say so itself
            pass
    return [run_one(context, job, load=load, stop=stop, hears_signals=hears_signals) for job in jobs]


def _of_one_pass(context: RunContext, jobs: Sequence[Job], load: Load, stop: Ask) -> PartBlock | None:
    """Return what becomes of `jobs`; None where they have to go one by one.

    So it is where the factory gives them different strategies, and where fills contradict themselves.
    """
    began = time.perf_counter()
    strategy, *others = (handler_of(context, job, load) for job in jobs)
    if not isinstance(strategy, CompiledStrategy) or any(other != strategy for other in others):
        return None
    faults = Faults()
    done = _done(context, jobs, strategy, faults, stop)
    return done and block_of(context, jobs, done, faults.lines(), (time.perf_counter() - began) / len(jobs))


def _done(
    context: RunContext, jobs: Sequence[Job], strategy: CompiledStrategy, faults: Faults, stop: Ask
) -> Together | None:
    sections = [job.section for job in jobs]
    events: Any = events_of(context, jobs[0], faults)
    if not isinstance(strategy, EventStrategy):
        from dbatch.engine.bars.job import bars_together

        return bars_together(context, strategy, sections, events, stop=stop)
    needs = declared_needs(context.strategy, strategy)
    results = run_jobs(strategy, sections, events, needs=needs, stop=stop)
    with_events(results[0], context, jobs[0], faults)
    results = [after_fees(result, job.fees) for result, job in zip(results, jobs, strict=True)]
    return together(context, results)
