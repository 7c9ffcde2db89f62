"""The job carried out once more: how it ended, whatever it did."""

from __future__ import annotations

import bdb
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dbatch.data.bar_read import cached_bars
from dbatch.data.bars import BarBlock
from dbatch.data.blocks import EventBlock
from dbatch.data.faults import Faults
from dbatch.data.read import read_events
from dbatch.engine.fees import after_fees
from dbatch.engine.job import JobResult, Watch, run_job
from dbatch.engine.outcome import failure, with_events
from dbatch.errors import UsageError
from dbatch.model import Receipt
from dbatch.plugins.loading import declared_needs, make_handler
from dbatch.replay.delivery import Rows, Until, numbered
from dbatch.replay.inputs import Inputs
from dbatch.replay.moments import moment_text
from dbatch.replay.own_order import before_last_day, in_own_order
from dbatch.strategies import EventStrategy

Deliver = Callable[[Iterable[Rows]], Iterator[EventBlock]]


@dataclass(frozen=True)
class Attempt:
    """A job's `result`, or the `receipt` of its failure and the `error` that was it.

    Where a cut leaves fills unknown that lie before it, the result has those up to `known_to` alone.
    """

    result: JobResult | None
    receipt: Receipt | None = None
    error: BaseException | None = None
    known_to: int | None = None


def attempt(
    inputs: Inputs,
    until: Until,
    deliver: Deliver,
    *,
    watch: Watch | None = None,
    wrap: Callable[[Any], Any] = lambda handler: handler,
) -> Attempt:
    """Return how the job of `inputs` ends, its events cut by `until` and given out by `deliver`.

    `wrap` may put something around the handler. Bars come all at once. Raises KeyboardInterrupt when the debugger
    was left, UsageError when there is no event up to the time that `until` names.
    """
    context, job = inputs.context, inputs.job
    faults = Faults()
    handler = make_handler(context.strategy, context.sections)
    needs = declared_needs(context.strategy, handler) if until.moment is None else ()
    handler = wrap(handler)
    started = time.perf_counter()
    try:
        blocks: Iterator[EventBlock] | Iterator[BarBlock]
        if job.security.source.bars:
            blocks = iter([until.of_bars(cached_bars(job.security, job.fingerprint, context.window, faults))])
            untimed = 0
        else:
            events = read_events(job.security, context.chunk_rows, faults)
            handler, pieces, untimed = in_own_order(handler, job.section, numbered(events, context.window))
            blocks = deliver(until(pieces))
        result = run_job(handler, job.config_name, job.section, blocks, needs=needs, watch=watch)
        rows = (result.rows + untimed, result.rows_skipped + untimed)
        result = after_fees(dataclasses.replace(result, rows=rows[0], rows_skipped=rows[1]), job.fees)
        if not until.was_cut:
            result = with_events(result, context, job, faults)
    except bdb.BdbQuit as error:
        raise KeyboardInterrupt("left in the debugger") from error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - how the job ended is what was asked
        return Attempt(None, failure(context, job, error, time.perf_counter() - started), error)
    if until.was_cut and result.rows == 0:
        raise UsageError(f"--until: {job.security.name} has no event up to {moment_text(until.moment or 0)}")
    if until.was_cut and isinstance(handler, EventStrategy) and handler.on_day_end is not None:
        fills, known_to = before_last_day(result.fills, until.last)
        return Attempt(dataclasses.replace(result, fills=fills), known_to=known_to)
    return Attempt(result)
