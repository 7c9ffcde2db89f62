"""One job in this process, whatever comes of it."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterator

import numpy as np

from dbatch.data.bar_read import cached_bars
from dbatch.data.bars import BarBlock
from dbatch.data.blocks import EventBlock, cut
from dbatch.data.cache import cached_events
from dbatch.data.faults import Faults
from dbatch.engine.job import Ask, JobResult, never, run_job
from dbatch.engine.outcome import Outcome, failure, success, with_events
from dbatch.errors import StorageError
from dbatch.model import Job, RunContext
from dbatch.plugins.loading import Load, declared_needs, load_factory, make_handler


def run_one(
    context: RunContext, job: Job, *, load: Load = load_factory, stop: Ask = never, hears_signals: bool = False
) -> Outcome:
    """Return what becomes of `job` in this process; whatever the data or the handler do wrong becomes a receipt.

    `load` gives the strategy's factory. Raises InterruptedError when `stop` said so, and KeyboardInterrupt in a
    process that `hears_signals`.
    """
    started = time.perf_counter()
    try:
        faults = Faults()
        if job.security.source.kind == "universe":
            from dbatch.engine.universe import run_universe

            return run_universe(context, job, handler_of(context, job, load), faults, stop)
        result = _run(context, job, load, stop, faults)
        return success(context, job, result, faults.lines(), time.perf_counter() - started)
    except (StorageError, InterruptedError):
        raise
    except KeyboardInterrupt as error:
        if hears_signals:
            raise
        return Outcome(failure(context, job, error, time.perf_counter() - started))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - filed under its security, with its traceback
        return Outcome(failure(context, job, error, time.perf_counter() - started))


def _run(context: RunContext, job: Job, load: Load, stop: Ask, faults: Faults) -> JobResult:
    handler = handler_of(context, job, load)
    needs = declared_needs(context.strategy, handler)
    result = run_job(handler, job.config_name, job.section, events_of(context, job, faults), needs=needs, stop=stop)
    return with_events(result, context, job, faults)


def handler_of(context: RunContext, job: Job, load: Load) -> object:
    """Return a fresh handler for `job`, random numbers beginning where the job's begin. Raises StrategyError."""
    if context.seed is not None:
        _seed(context.seed, job)
    return make_handler(context.strategy, context.sections or {job.config_name: job.section}, load=load)


def events_of(context: RunContext, job: Job, faults: Faults) -> Iterator[EventBlock] | Iterator[BarBlock]:
    """Yield the events or bars of `job` as its strategy gets them; faults of cells are in `faults` at the end."""
    security, window = job.security, context.window
    if security.source.bars:
        return iter([cached_bars(security, job.fingerprint, window, faults)])
    blocks = cached_events(security, job.fingerprint, context.chunk_rows, window, faults, keep=context.sweep)
    return blocks if context.compiled else cut(blocks, context.chunk_rows)  # the same chunks wherever they come from


def _seed(seed: int, job: Job) -> None:
    """Begin random numbers where the batch's seed, the parameters and the security say: wherever the job runs."""
    identity = json.dumps([seed, job.section, job.config_name], sort_keys=True, default=repr)
    drawn = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8])
    random.seed(drawn)
    np.random.seed(drawn % 2**32)
