"""Jobs that go through a security's events together give, each, what it gives alone."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.data.sample import sample_path
from dbatch.data.securities import open_data
from dbatch.engine import together
from dbatch.engine.alone import run_one
from dbatch.engine.bars import passage
from dbatch.engine.fills import fills_of_table
from dbatch.engine.job import never
from dbatch.engine.outcome import Outcome
from dbatch.model import Job, RunContext, Window
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import load_factory
from dbatch.results.part import PartBlock, is_lean, publish, read_fills, read_rows, receipts_in
from dbatch.results.part_rows import table_of_rows

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
        return dataclasses.replace(plain(*arguments), needs=("bid", "ask", "trade")[: next(made) % 3])

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


@pytest.fixture
def bar_context(context: RunContext) -> RunContext:
    return dataclasses.replace(context, strategy=resolve("sma_cross", []).ref)


def jobs_over_bars(folder: Path, sections: Sequence[dict[str, Any]]) -> list[Job]:
    """Return a job for each of `sections` over 600 hours of one security, around the first day of 1970."""
    rng = np.random.default_rng(7)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 600)))
    times = np.datetime64("1969-12-20T00:00:00") + np.arange(600) * np.timedelta64(1, "h")
    rows = [
        f"{time},{close},{close * 1.01},{close * 0.99},{close},1" for time, close in zip(times, closes, strict=True)
    ]
    path = folder / "bars.csv"
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    (security,) = open_data(str(path)).securities
    hashed = fingerprint(security.source)
    return [Job(f"{number:032d}", security, hashed, security.name, section) for number, section in enumerate(sections)]


def test_over_bars_each_outcome_is_that_of_the_job_alone(
    bar_context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage, "FILL_ROOM", 1)  # fills come in several pieces
    monkeypatch.setattr(together, "_LONGEST_SEC", 3_600.0)  # however slow the machine is
    sections = [
        {"fast": fast, "slow": slow, "capital": 25_000.0 * (1 + 3 * (slow > 15))}
        for fast in range(2, 9)
        for slow in (12, 20, 35, 700)
    ]
    jobs = jobs_over_bars(tmp_path, sections)

    groups = ran_together(bar_context, jobs)

    assert max(map(len, groups)) > 20
    found = [outcome for group in groups for outcome in group]
    assert {outcome.receipt.trades == 0 for outcome in found} == {True, False}
    assert {outcome.receipt.capital for outcome in found} == {100_000.0, 25_000.0}
    falls = {outcome.receipt.metrics["max_drawdown_start"] for outcome in found}
    assert any(fall and fall < "1970" for fall in falls)  # days before 1970 have numbers below zero
    for job, outcome in zip(jobs, found, strict=True):
        assert same(outcome, run_one(bar_context, job))
        too_long = job.section["slow"] == 700
        note = "no fill: mean_of_closes(slow=700) has no value at any of 600 bars"
        assert outcome.receipt.notes == ((note,) if too_long else ())


def test_a_file_of_bars_without_any_is_told_as_such(bar_context: RunContext, tmp_path: Path) -> None:
    (job,) = jobs_over_bars(tmp_path, [{}])
    (tmp_path / "bars.csv").write_text("timestamp,open,high,low,close,volume\n")
    assert run_one(bar_context, job).receipt.error.endswith("bars.csv: no bars, the source is empty")


def test_fills_that_are_not_kept_are_not_published_and_leave_the_same_facts(context: RunContext) -> None:
    jobs = jobs_of(sections_of(12))
    lean = dataclasses.replace(context, keep_fills=False)
    load = functools.cache(load_factory)

    for block in together.run_together(lean, jobs, load=load, stop=never, hears_signals=False):
        if isinstance(block, PartBlock):
            (part,) = {receipt.part for receipt in publish(lean.output_dir, block)}
            receipts = receipts_in(Path(lean.output_dir), part)
            break

    assert is_lean(part)
    for receipt in receipts:
        (job,) = (job for job in jobs if job.key == receipt.key)
        alone = run_one(context, job).receipt
        assert dataclasses.replace(receipt, **_MEASURED) == dataclasses.replace(alone, **_MEASURED)


def test_blocks_of_one_security_become_the_same_rows_as_one_by_one(context: RunContext) -> None:
    load = functools.cache(load_factory)
    jobs = jobs_of(sections_of(80), securities=2)
    found = together.run_together(context, jobs, load=load, stop=never, hears_signals=False)
    blocks = [some for some in found if isinstance(some, PartBlock)]
    assert len(blocks) > 3

    together_table = table_of_rows(blocks)

    alone = pa.concat_tables([table_of_rows([block]) for block in blocks])
    assert together_table.equals(alone)
