"""What a batch would take is known from trying its handlers, not from how many events there are alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbatch.batch.forecast import Forecast, forecast
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch
from dbatch.batch.probe import seconds_an_event
from dbatch.config.batch_file import load_batch
from dbatch.engine.execute import Execution
from dbatch.engine.packing import jobs_of
from dbatch.model import Window

Plan = Callable[..., BatchPlan]
OPTIONS = BatchOptions(execution=Execution(workers=2))


@pytest.fixture
def plan(batch_file: Callable[..., Path]) -> Plan:
    """Plan the batch with these fields."""
    return lambda **fields: plan_batch(load_batch(batch_file(**fields)), OPTIONS)


@pytest.fixture
def slow(strategy: Path) -> None:
    """The strategy takes its time, half a second a job at least."""
    text = strategy.read_text().replace("import sys", "import sys\nimport time")
    strategy.write_text(text.replace("    def handler(", "    time.sleep(0.5)\n    def handler(", 1))


def foreseen(plan: BatchPlan) -> Forecast:
    return forecast(plan, OPTIONS)


@pytest.mark.usefixtures("slow")
def test_the_time_is_that_of_a_job_that_was_tried(plan: Plan) -> None:
    slowly = foreseen(plan(grid={"size": [*range(1, 11)]}))

    assert slowly.basis == "by the first 20,000 events"
    assert slowly.seconds > 0.5 * 20 / 2  # twenty jobs, two at a time


def test_a_handler_that_fails_is_guessed_at(plan: Plan) -> None:
    assert foreseen(plan(grid={"fault": ["raises"]})).basis == "by the number of events; a guess"


def test_jobs_of_some_dates_alone_are_not_tried(plan: Plan) -> None:
    planned = plan(grid={"size": [1]})
    context, (job,) = planned.contexts[0], jobs_of(planned.tasks[:1])

    assert seconds_an_event(context, job)
    assert seconds_an_event(replace(context, window=Window(start_day=20_000)), job) is None


def test_nothing_of_what_was_tried_stays(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    planned = plan(grid={"size": [1]})
    before = sorted(tmp_path.rglob("*"))

    foreseen(planned)

    assert sorted(tmp_path.rglob("*")) == before


def test_a_batch_that_ran_is_known_by_its_jobs(carried: Callable[..., Any], plan: Plan) -> None:
    carried(grid={"size": [1]})

    again = foreseen(plan(grid={"size": [1]}))

    assert (again.basis, again.done, again.seconds) == ("by what its jobs took before", 2, 0.0)
