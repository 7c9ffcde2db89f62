"""A job of a finished run once more, and how that compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

from dbatch.data.blocks import EventBlock
from dbatch.errors import UsageError
from dbatch.plugins.loading import make_handler
from dbatch.replay.attempt import Attempt, attempt
from dbatch.replay.compare import same_failure
from dbatch.replay.debugger import Pause, post_mortem
from dbatch.replay.delivery import Rows, Until, pausing_before_last
from dbatch.replay.inputs import Inputs, present_inputs
from dbatch.replay.moments import moment_of
from dbatch.replay.pieces import Pieces
from dbatch.replay.portfolio import judge_account
from dbatch.replay.report import ReplayReport, TraceOutcome
from dbatch.replay.state import Read, compiled_reader, read_plain
from dbatch.replay.stored import StoredJob, stored_job
from dbatch.replay.trace import FILL_NAMES, Tracer, counted
from dbatch.replay.verdict import Judgement, judge, notes_on
from dbatch.strategies import EventStrategy

MANY_ROWS: Final = 1_000_000
Say = Callable[[str], None]


def replay(
    run_dir: str | PathLike[str],
    security: str,
    *,
    params: Mapping[str, Any] | None = None,
    data: str | None = None,
    strategy_paths: Sequence[str] = (),
    until: str | None = None,
    start: str | None = None,
    trace: str | PathLike[str] | None = None,
    debug: bool = False,
    say: Say = lambda text: None,
) -> ReplayReport:
    """Return how the job of `security` in the run at `run_dir` ends when it is carried out again here.

    `params` (as from `parse_overrides`), `data` and `strategy_paths` put others in place of the recorded ones.
    Events after the time `until` are not replayed, and the fills up to it compared. `trace` is a .parquet or .csv
    file for the state after each event from the time `start` on, in a second pass. `debug` opens pdb where the job
    fails and, with `until`, before the last events up to it. `say` is told what its user should know meanwhile.
    Raises UsageError (and its kinds) when it cannot be carried out, StorageError when the trace cannot be kept.
    """
    asked = _asked(start, until, trace is not None, debug)
    stored = stored_job(Path(run_dir), security)
    _check_kind(stored, asked)
    inputs = present_inputs(stored, data=data, strategy_paths=strategy_paths, params=params or {})
    if stored.security.source.kind == "universe":
        return _report(stored, inputs, None, judge_account(stored, inputs), None)
    if trace is None:
        judgement, _ = _judged(stored, inputs, asked, say)
        return _report(stored, inputs, until, judgement, None)
    with closing(Pieces(Path(trace))) as pieces:
        judgement, first = _judged(stored, inputs, asked, say)
        traced = _traced(inputs, asked, pieces, first, str(trace))
    return _report(stored, inputs, until, judgement, traced)


@dataclass(frozen=True)
class _Asked:
    """Up to where (`limit`) the job is replayed, whether it is traced, and from where (`begin`); in pdb or not."""

    limit: int | None
    begin: int | None
    traced: bool
    debug: bool


def _asked(start: str | None, until: str | None, traced: bool, debug: bool) -> _Asked:
    begin = None if start is None else moment_of("--from", start)
    limit = None if until is None else moment_of("--until", until, end=True)
    if begin is not None and not traced:
        raise UsageError("--from says where a trace begins; give --trace FILE too")
    if begin is not None and limit is not None and begin > limit:
        raise UsageError(f"--from {start} lies after --until {until}")
    return _Asked(limit, begin, traced, debug)


def _check_kind(stored: StoredJob, asked: _Asked) -> None:
    """Raise UsageError where what is asked for is not to be had of this kind of job."""
    stops = asked.limit is not None
    if stored.security.source.kind == "universe" and (stops or asked.traced or asked.debug):
        raise UsageError("a portfolio has no events to stop at or to trace: leave out --until, --trace and --pdb")
    if stored.security.source.bars and (asked.traced or (asked.debug and stops)):
        raise UsageError("a strategy gets its bars at once: leave out --trace, and --until of --pdb")


def _judged(stored: StoredJob, inputs: Inputs, asked: _Asked, say: Say) -> tuple[Judgement, Attempt]:
    """Return how the job ends in one pass, in the blocks of then, and how that compares."""
    if stored.receipt.status in ("crashed", "oom"):
        say(f"in that run this job ended with its process ({stored.receipt.error}); here it may take this one along")
    until = Until(asked.limit, reads_on=stored.receipt.status == "success")
    rows: list[int] = []
    found = _attempt(inputs, until, asked, rows.append)
    if asked.traced and sum(rows) > MANY_ROWS and not inputs.context.compiled:
        say(f"the trace is of {sum(rows):,} events, a call of the handler each; --from and --until make it shorter")
    if asked.debug and found.error is not None and found.receipt is not None:
        say(f"{found.receipt.status}: {found.receipt.error}")
        post_mortem(found.error, inputs.context.strategy)
    return judge(stored, found, until), found


def _attempt(inputs: Inputs, until: Until, asked: _Asked, count: Callable[[int], None]) -> Attempt:
    """Return the attempt at the job, in pdb where it was asked for; `count` is told the rows a trace would have."""
    if not asked.debug or asked.limit is None:
        return attempt(inputs, until, lambda pieces: counted(pieces, asked.begin, count))
    pause = Pause(_reader(inputs))
    compiled = inputs.context.compiled
    before = pause.before_event if compiled else pause.before_call

    def deliver(pieces: Iterable[Rows]) -> Iterator[EventBlock]:
        return counted(pausing_before_last(pieces, before), asked.begin, count)

    if compiled:
        return attempt(inputs, until, deliver, watch=pause.watch)
    return attempt(inputs, until, deliver, wrap=pause.handler)


def _traced(inputs: Inputs, asked: _Asked, pieces: Pieces, first: Attempt, path: str) -> TraceOutcome:
    """Write the trace, and say whether the job ended in it as in the `first` attempt."""
    tracer = Tracer(pieces, _reader(inputs), asked.begin)
    second = attempt(inputs, Until(asked.limit, reads_on=False), tracer.deliver, watch=tracer.watch)
    pieces.write(FILL_NAMES)
    if first.result is not None and second.result is not None:
        equal = first.result.fills.digest() == second.result.fills.digest()
    else:
        errors = [each.receipt.error for each in (first, second) if each.receipt is not None]
        equal = len(errors) == 2 and same_failure(*errors)
    return TraceOutcome(path, pieces.count, equal)


def _reader(inputs: Inputs) -> Read:
    handler = make_handler(inputs.context.strategy, inputs.context.sections)
    if not isinstance(handler, EventStrategy):
        return read_plain
    from dbatch.engine.kernel import compile_kernel

    return compiled_reader(compile_kernel(handler).loop.leaves)


def _report(
    stored: StoredJob, inputs: Inputs, until: str | None, judgement: Judgement, trace: TraceOutcome | None
) -> ReplayReport:
    return ReplayReport(
        run_dir=stored.run_dir,
        started_at=stored.started_at,
        strategy=stored.ref.name,
        security=stored.security.name,
        until=until,
        inputs=inputs.checks,
        then=judgement.then,
        now=judgement.now,
        verdict=judgement.verdict,
        difference=judgement.difference,
        trace=trace,
        notes=(*inputs.notes, *judgement.notes, *notes_on(inputs.checks, judgement, trace)),
    )
