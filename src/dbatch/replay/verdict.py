"""Whether a job ended now as it did then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbatch.engine.fills import Fills, fills_of_table
from dbatch.engine.job import JobResult
from dbatch.errors import OutputError
from dbatch.model import Receipt
from dbatch.replay.attempt import Attempt
from dbatch.replay.compare import fills_up_to, first_difference, same_failure
from dbatch.replay.delivery import Until
from dbatch.replay.moments import moment_text
from dbatch.replay.report import FillDifference, InputCheck, Outcome, RowDifference, TraceOutcome, Verdict
from dbatch.replay.stored import StoredJob
from dbatch.results.part import is_intact, read_fills


@dataclass(frozen=True)
class Judgement:
    """How the job ended then and now, and what that amounts to; see `ReplayReport`."""

    then: Outcome
    now: Outcome
    verdict: Verdict
    difference: FillDifference | RowDifference | None = None
    notes: tuple[str, ...] = ()


def judge(stored: StoredJob, found: Attempt, until: Until) -> Judgement:
    """Return the judgement on `found`, an attempt at `stored` up to `until`.

    Raises OutputError where the stored fills are needed, because of `until`, and are gone or changed.
    """
    receipt = stored.receipt
    then = outcome_of(receipt)
    if found.result is None or receipt.status != "success":
        return _with_failure(then, found, until)
    fills = found.result.fills
    now = Outcome("success", len(fills), fills.digest())
    if until.was_cut:
        moment = (until.moment or 0) if found.known_to is None else found.known_to
        expected = fills_up_to(_stored_fills(stored), moment, len(fills), time_goes_back=until.time_goes_back)
        then = Outcome("success", len(expected), expected.digest())
        return _of_fills(then, now, expected, fills, _unknown(found))
    if not is_intact(stored.run_dir, receipt):
        if then.digest == now.digest:
            return Judgement(now, now, "equal", notes=(f"the stored fills ({receipt.part}) are gone or changed",))
        gone = f"the stored fills ({receipt.part}) are gone or changed, so the first difference cannot be shown"
        return Judgement(then, now, "differs", notes=(gone,))
    notes = tuple(_other_facts(receipt, found.result, ("market_dates", "rows", "rows_skipped")))
    if then.digest == now.digest:
        without_fills = tuple(_other_facts(receipt, found.result, ("position",)))
        return Judgement(then, now, "equal", notes=(*without_fills, *notes))
    return _of_fills(then, now, _stored_fills(stored), fills, notes)


def notes_on(checks: Sequence[InputCheck], judgement: Judgement, trace: TraceOutcome | None) -> list[str]:
    """Return what to say of a result that is not explained by its inputs."""
    notes = []
    if judgement.verdict == "differs" and all(check.same for check in checks):
        notes.append(
            "no input differs: the result depends on something else, such as a clock, chance, globals of a module, "
            "files that the strategy reads, or where chunks are cut"
        )
    if trace is not None and not trace.equal:
        notes.append(
            "in the trace, event by event, the job ended otherwise than in chunks: its result depends on where chunks "
            "are cut, or on something that is no input"
        )
    return notes


def _unknown(found: Attempt) -> tuple[str, ...]:
    if found.known_to is None:
        return ()
    return (f"fills of a day are known when it is over: those up to {moment_text(found.known_to)} are compared",)


def outcome_of(receipt: Receipt) -> Outcome:
    """Return how the job of `receipt` ended."""
    if receipt.status == "success":
        return Outcome("success", receipt.trades, receipt.digest)
    return Outcome(receipt.status, error=receipt.error, details=receipt.details)


def _with_failure(then: Outcome, found: Attempt, until: Until) -> Judgement:
    """Return the judgement where the job failed, then or now."""
    if found.result is not None:
        fills = found.result.fills
        now = Outcome("success", len(fills), fills.digest())
        return Judgement(then, now, "not reached" if until.was_cut else "differs")
    assert found.receipt is not None
    now = outcome_of(found.receipt)
    again = then.status == now.status and same_failure(then.error, now.error)
    return Judgement(then, now, "failed again" if again else "differs")


def _of_fills(then: Outcome, now: Outcome, before: Fills, after: Fills, notes: tuple[str, ...]) -> Judgement:
    difference = first_difference(before, after)
    return Judgement(then, now, "equal" if difference is None else "differs", difference, notes)


def _stored_fills(stored: StoredJob) -> Fills:
    if not is_intact(stored.run_dir, stored.receipt):
        raise OutputError(f"{stored.run_dir / stored.receipt.part}: gone or changed, and --until compares with it")
    return fills_of_table(read_fills(stored.run_dir, stored.receipt))


def _other_facts(receipt: Receipt, result: JobResult, names: Sequence[str]) -> list[str]:
    """Return which of these facts of a whole job are not as they were."""
    pairs = [(name, getattr(receipt, name), getattr(result, name)) for name in names]
    return [f"{name.replace('_', ' ')}: then {then}, now {now}" for name, then, now in pairs if then != now]
