"""A batch that is asked to end does so with the jobs it is at, and loses none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.batch.carry_out import carry_out
from dbatch.batch.options import BatchOptions, Isolate
from dbatch.batch.plan import plan_batch
from dbatch.batch.progress import SilentBatch
from dbatch.config.batch_file import load_batch
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution
from dbatch.model import Receipt
from dbatch.results.ledger import reading_ledger


class Impatient(SilentBatch):
    """Asks for the end at the first failure."""

    def __init__(self, control: Control) -> None:
        self.control = control

    def failed(self, runs: object, receipt: Receipt) -> None:
        self.control.drain(2)


@pytest.mark.parametrize("isolate", ["auto", "worker", "none"])
def test_units_under_way_end_with_their_job_and_the_rest_is_left(
    batch_file: Callable[..., Path], strategy: Path, isolate: Isolate
) -> None:
    nap = "        time.sleep(0.06 if security == 'BBB' else 0.01)\n"
    text = strategy.read_text().replace("import sys\n", "import sys\nimport time\n", 1)
    strategy.write_text(text.replace("        section =", f"{nap}        section =", 1))
    options = BatchOptions(execution=Execution(workers=2, dashboard=False), isolate=isolate, unit_jobs=40)
    path = batch_file(grid={"fault": ["raises", None], "every": list(range(1, 61))})
    plan = plan_batch(load_batch(path), options)
    control = Control(30.0)  # the unit of AAA ends while that of BBB is at its tenth job or so
    outcome = carry_out(plan, options, Impatient(control), control)

    assert (outcome.interrupted, outcome.exit_code) == (2, 130)
    assert outcome.jobs["cancelled"] > 0
    with reading_ledger(outcome.output_dir) as ledger:
        kept = ledger.statuses()
    assert len(kept) == sum(count for status, count in outcome.jobs.items() if status != "cancelled")
    assert len(kept) % 40 != 0  # a unit that was under way is there with the jobs it had done
