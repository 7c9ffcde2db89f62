"""Jobs that go through a security's events together give, each, what it gives alone."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.data.sample import sample_path
from dbatch.engine import together
from dbatch.engine.alone import never, run_one
from dbatch.engine.fills import fills_of_table
from dbatch.engine.outcome import Outcome
from dbatch.model import Job, RunContext, Window
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import load_factory
from dbatch.results.part import PartBlock, publish, read_fills, read_rows, receipts_in

_MEASURED: dict[str, Any] = {"runtime_sec": 0.0, "peak_rss_mb": 0.0, "details": "", "part": "", "sha256": "", "row": 0}


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    ref = resolve("v1_baseline", []).ref
    return RunContext("run", ref, True, {}, Window(), 100_000, str(tmp_path), sweep=True)


def jobs_of(sections: Sequence[dict[str, Any]], securities: int = 1) -> list[Job]:
    """Return a job for each of `sections` over each of the first securities of the sample."""
    market = open_market(sample_path())
    return [
        Job(f"{place:02d}{number:030d}", security, fingerprint(security.source), security.name, section)
        for place, security in enumerate(market.securities[:securities])
        for number, section in enumerate(sections)
    ]


def ran_together(context: RunContext, jobs: Sequence[Job]) -> list[list[Outcome]]:
    load = functools.cache(load_factory)
    found = together.run_together(context, jobs, load=load, stop=never, hears_signals=False)
    return [outcomes_of(context, some) if isinstance(some, PartBlock) else list(some) for some in found]


def outcomes_of(context: RunContext, block: PartBlock) -> list[Outcome]:
    """Return the rows of `block` one by one, as the part has them that it is published in."""
    (part,) = {receipt.part for receipt in publish(context.output_dir, block)}
    folder = Path(context.output_dir)
    receipts, rows = receipts_in(folder, part), read_rows(folder / part, ["days", "daily_pnl"])
    fills = [fills_of_table(read_fills(folder, receipt)) for receipt in receipts]
    return [
        Outcome(receipt, own, row["days"], row["daily_pnl"])
        for receipt, own, row in zip(receipts, fills, rows, strict=True)
    ]


def same(one: Outcome, other: Outcome) -> bool:
    receipts = [dataclasses.replace(each.receipt, **_MEASURED) for each in (one, other)]
    fills = [each.fills is not None and each.fills.digest() for each in (one, other)]
    return receipts[0] == receipts[1] and days_of(one) == days_of(other) and fills[0] == fills[1]


def days_of(outcome: Outcome) -> tuple[list[int], bytes]:
    assert outcome.days is not None
    assert outcome.daily_pnl is not None
    return outcome.days.tolist(), outcome.daily_pnl.tobytes()


def sections_of(count: int) -> list[dict[str, Any]]:
    return [{"refill_interval_sec": 5 * (number + 1), "quote_size": 500 + number} for number in range(count)]


def test_each_outcome_is_that_of_the_job_alone(context: RunContext) -> None:
    jobs = jobs_of(sections_of(75), securities=2)

    groups = ran_together(context, jobs)

    assert max(map(len, groups)) == 32
    found = [outcome for group in groups for outcome in group]
    assert [outcome.receipt.key for outcome in found] == [job.key for job in jobs]
    assert len({outcome.receipt.digest for outcome in found}) > 10
    for job, outcome in zip(jobs[::7], found[::7], strict=True):
        assert same(outcome, run_one(context, job))


def test_of_jobs_that_run_together_the_one_at_fault_alone_fails(context: RunContext) -> None:
    sections = sections_of(12)
    sections[7]["no_such_parameter"] = 1

    found = [outcome.receipt for group in ran_together(context, jobs_of(sections)) for outcome in group]

    assert [receipt.status for receipt in found] == ["success"] * 7 + ["failed"] + ["success"] * 4
    assert "no_such_parameter" in found[7].error


def test_where_the_factory_gives_different_strategies_each_runs_by_itself(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(range(1_000))
    plain = together.handler_of

    def other_every_time(*arguments: Any) -> object:
        return dataclasses.replace(plain(*arguments), needs=("bid", "ask", "trade")[: next(made) % 3])  # type: ignore[type-var]

    monkeypatch.setattr(together, "handler_of", other_every_time)
    monkeypatch.setattr(together, "run_jobs", None)
    jobs = jobs_of(sections_of(5))

    found = [outcome for group in ran_together(context, jobs) for outcome in group]

    assert all(same(outcome, run_one(context, job)) for job, outcome in zip(jobs, found, strict=True))


def test_who_stops_is_not_kept_waiting_by_long_jobs(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_LONGEST_SEC", 0.0)

    groups = ran_together(context, jobs_of(sections_of(4)))

    assert [len(group) for group in groups] == [1, 1, 1, 1]


def test_a_sum_of_days_is_that_of_its_fills(context: RunContext) -> None:
    for outcome in ran_together(context, jobs_of(sections_of(3)))[-1]:
        assert outcome.daily_pnl is not None
        assert outcome.fills is not None
        assert np.isclose(outcome.daily_pnl.sum(), outcome.fills.realized.sum(), rtol=1e-12)
