"""The job of a portfolio once more: its account against the one that was kept."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pyarrow as pa

from dbatch.data.faults import Faults
from dbatch.engine.job import never
from dbatch.engine.outcome import failure
from dbatch.engine.universe import account_of, tables_of
from dbatch.errors import StorageError
from dbatch.plugins.loading import make_handler
from dbatch.replay.compare import same_failure
from dbatch.replay.inputs import Inputs
from dbatch.replay.report import Outcome, RowDifference
from dbatch.replay.stored import StoredJob
from dbatch.replay.verdict import Judgement, outcome_of
from dbatch.results.accounts import account_digest, read_account

_IN_ORDER_OF_CAUSE = ("weights", "orders", "equity")


def judge_account(stored: StoredJob, inputs: Inputs) -> Judgement:
    """Return how the portfolio's job of `inputs` ends here, held against how it ended in its run."""
    then = outcome_of(stored.receipt)
    started = time.perf_counter()
    try:
        handler = make_handler(inputs.context.strategy, inputs.context.sections)
        account, _ = account_of(inputs.context, inputs.job, handler, Faults(), never)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - how the job ended is what was asked
        now = outcome_of(failure(inputs.context, inputs.job, error, time.perf_counter() - started))
        again = then.status == now.status and same_failure(then.error, now.error)
        return Judgement(then, now, "failed again" if again else "differs")
    tables = tables_of(account)
    now = Outcome("success", len(tables["orders"]), account_digest(tables))
    if then.status != "success" or then.digest == now.digest:
        return Judgement(then, now, "equal" if then.digest == now.digest else "differs")
    try:
        kept = read_account(stored.run_dir, stored.receipt.key)
    except StorageError as error:
        gone = f"the stored account is gone or changed, so the first difference cannot be shown ({error})"
        return Judgement(then, now, "differs", notes=(gone,))
    return Judgement(then, now, "differs", _first_difference(kept, tables))


def _first_difference(then: Mapping[str, pa.Table], now: Mapping[str, pa.Table]) -> RowDifference | None:
    """Return the first row that differs: of weights, of the orders that follow from them, of equity at last."""
    for name in _IN_ORDER_OF_CAUSE:
        sides = [each[name].to_pylist() for each in (then, now)]
        for row in range(max(map(len, sides))):
            before, after = (side[row] if row < len(side) else None for side in sides)
            if before != after:
                return RowDifference(name, row + 1, _text(before), _text(after))
    return None


def _text(row: Mapping[str, object] | None) -> str | None:
    return None if row is None else ", ".join(f"{name} {value}" for name, value in row.items())
