"""The statistics of a batch come from its ledger and parts; what is missing has a reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dbatch.errors import OutputError, UsageError
from dbatch.results.ledger import open_ledger
from dbatch.statistics.best import expected_maximum_of
from dbatch.statistics.of_batch import batch_statistics
from dbatch.statistics.tables import BatchStatistics
from dbatch.statistics.written import read_statistics, write_statistics

Make = Callable[..., Any]
DAYS = 64


def pnl(seed: int, *, days: int = DAYS, mean: float = 20.0) -> tuple[float, ...]:
    drawn = np.random.default_rng(seed).normal(mean, 100.0, days).round(2)
    return tuple(drawn.tolist())


@pytest.fixture
def noise(batches: ModuleType, make_batch: Make, tmp_path: Path) -> Path:
    """A batch of twelve runs over two securities: of one the second job failed, one was not begun."""
    runs = [
        batches.MadeRun({name: batches.MadeJob(daily=pnl(2 * run + at)) for at, name in enumerate(("AAA", "BBB"))})
        for run in range(10)
    ]
    runs += [batches.MadeRun({"AAA": "success", "BBB": "failed"}), batches.MadeRun({"AAA": None, "BBB": None})]
    make_batch(tmp_path, runs)
    return tmp_path


def row(found: BatchStatistics, run: int) -> dict[str, Any]:
    rows: list[dict[str, Any]] = found.runs.slice(run, 1).to_pylist()
    return rows[0]


def test_every_run_that_was_begun_is_a_trial(noise: Path) -> None:
    trials = batch_statistics(noise).trials

    assert (trials.planned, trials.attempted, trials.failed, trials.total) == (12, 11, 1, 11)


def test_prior_trials_are_added_and_lower_what_is_believed(noise: Path) -> None:
    few, many = batch_statistics(noise), batch_statistics(noise, prior_trials=500)

    assert many.trials.total == 511
    assert many.expected_maximum > few.expected_maximum
    assert many.best.dsr < few.best.dsr
    assert many.best.psr == few.best.psr


def test_fewer_than_no_prior_trials_are_refused(noise: Path) -> None:
    with pytest.raises(UsageError, match="prior-trials is -1, must be 0 or more"):
        batch_statistics(noise, prior_trials=-1)


def test_runs_that_are_planned_no_more_are_trials_too(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    for first in (0, 3):  # the second plan keeps run 3 and 4 of the first and adds three
        runs = [
            batches.MadeRun({"AAA": batches.MadeJob(daily=pnl(run))}, run_id=f"r{run}")
            for run in range(first, first + 5)
        ]
        make_batch(tmp_path, runs)
    trials = batch_statistics(tmp_path).trials

    assert (trials.planned, trials.attempted, trials.superseded, trials.total) == (5, 5, 3, 8)


def test_a_run_has_the_statistics_of_its_securities_together(noise: Path) -> None:
    found = row(batch_statistics(noise), 0)
    together = np.add(pnl(0), pnl(1))
    sharpe = together.mean() / together.std(ddof=1)

    assert found["days"] == DAYS
    assert found["sharpe"] == pytest.approx(sharpe * math.sqrt(252))
    assert found["sharpe_low"] < found["sharpe"] < found["sharpe_high"]
    assert found["calmar"] == pytest.approx(together.mean() * 252 / 1e4 / found["max_dd_pct"])
    assert found["break_even_bps"] == pytest.approx(together.sum() / found["turnover"] * 1e4)


def test_percentages_are_of_the_capital_of_a_run(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    made = {
        name: {"AAA": batches.MadeJob(daily=pnl(1), capital=capital)}
        for name, capital in (("a", None), ("b", 10_000.0))
    }
    make_batch(tmp_path, [batches.MadeRun(jobs, run_id=name) for name, jobs in made.items()])
    statistics = batch_statistics(tmp_path)
    of_default, of_own = row(statistics, 0), row(statistics, 1)

    assert of_own["max_dd_pct"] > 20 * of_default["max_dd_pct"]
    assert of_own["calmar"] == pytest.approx(np.mean(pnl(1)) * 252 / 100.0 / of_own["max_dd_pct"])
    assert of_own["sharpe"] == of_default["sharpe"]


def test_the_hurdle_is_that_of_all_trials_and_of_the_ratios_that_are_there(noise: Path) -> None:
    found = batch_statistics(noise)
    sharpes = [value for value in found.runs.column("sharpe").to_pylist() if value is not None]

    assert found.with_sharpe == len(sharpes) == 10
    assert found.expected_maximum == pytest.approx(expected_maximum_of(11, float(np.var(sharpes, ddof=1))))


def test_the_best_is_the_run_with_the_highest_ratio(noise: Path) -> None:
    found = batch_statistics(noise)
    sharpes = found.runs.column("sharpe").to_pylist()[:10]

    assert found.best is not None
    assert found.best.run_id == f"run{int(np.argmax(sharpes))}"
    assert found.best.dsr == row(found, int(np.argmax(sharpes)))["dsr"]


def test_failed_runs_count_as_tests_without_a_result(noise: Path) -> None:
    found = batch_statistics(noise)
    p_values = found.runs.column("p_value").to_pylist()[:10]
    adjusted = found.runs.column("p_value_bh").to_pylist()[:10]

    assert max(adjusted) == pytest.approx(min(1.0, max(p_values) * 11 / 10))


def test_what_a_run_lacks_has_a_reason(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    daily = (pnl(1, mean=50.0), pnl(2, mean=-50.0), (0.0,) * DAYS)
    make_batch(
        tmp_path, [*(batches.MadeRun({"AAA": batches.MadeJob(daily=one)}) for one in daily),
                   batches.MadeRun({"AAA": "timeout"})],
    )  # fmt: skip
    found = batch_statistics(tmp_path)

    assert found.runs.column("reason").to_pylist() == [
        None,
        "min_trl_days: the Sharpe ratio is not above 0",
        "every day has the same P&L",
        "the run is timeout",
    ]
    for run in (2, 3):
        assert row(found, run)["dsr"] is row(found, run)["psr"] is row(found, run)["sharpe_low"] is None
    assert row(found, 1)["min_trl_days"] is None


def test_few_days_give_no_statistics_but_a_reason(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    runs = [batches.MadeRun({"AAA": batches.MadeJob(daily=pnl(run, days=29))}) for run in range(3)]
    make_batch(tmp_path, runs)
    found = batch_statistics(tmp_path)

    assert found.best is found.splits is found.effective is found.expected_maximum is None
    assert found.runs.column("reason").to_pylist() == ["29 days, needs 30"] * 3
    assert found.reasons["pbo"] == "all runs together have 29 days, needs 30"
    assert found.reasons["expected_maximum"] == "fewer than two runs have a Sharpe ratio"


def test_a_single_run_is_not_deflated(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    make_batch(tmp_path, [batches.MadeRun({"AAA": batches.MadeJob(daily=pnl(1, mean=60.0))})])
    found = batch_statistics(tmp_path, prior_trials=100)

    assert found.best is not None
    assert found.best.psr is not None
    assert found.best.dsr is None
    assert row(found, 0)["reason"] == "dsr: fewer than two runs have a Sharpe ratio"
    assert found.reasons["pbo"] == "fewer than two runs succeeded"


def test_a_batch_without_a_success_has_reasons_only(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    make_batch(tmp_path, [batches.MadeRun({"AAA": "failed"}), batches.MadeRun({"AAA": "oom"})])
    found = batch_statistics(tmp_path)

    assert (found.trials.total, found.trials.failed) == (2, 2)
    assert found.best is None
    assert {"best", "pbo", "effective", "cluster", "expected_maximum"} <= set(found.reasons)


def test_runs_over_other_days_are_compared_over_those_that_all_have(
    batches: ModuleType, make_batch: Make, tmp_path: Path
) -> None:
    runs = [batches.MadeRun({"AAA": batches.MadeJob(daily=pnl(run), first_day=20_000 + 10 * run)}) for run in range(3)]
    make_batch(tmp_path, runs)
    found = batch_statistics(tmp_path)

    assert found.runs.column("days").to_pylist() == [DAYS] * 3
    assert found.splits is not None
    assert (found.splits.days, found.splits.trials) == (DAYS - 20, 3)


def test_copies_of_a_run_are_one_cluster(batches: ModuleType, make_batch: Make, tmp_path: Path) -> None:
    runs = [batches.MadeRun({"AAA": batches.MadeJob(daily=pnl(run % 2))}) for run in range(6)]
    make_batch(tmp_path, runs)
    found = batch_statistics(tmp_path)

    assert found.runs.column("cluster").to_pylist() == [0, 1] * 3
    assert found.effective is not None
    assert found.effective.by_clusters == 2
    assert found.trials.total == 6


def test_the_seed_follows_from_the_jobs_and_can_be_chosen(noise: Path) -> None:
    first, again, other = batch_statistics(noise), batch_statistics(noise), batch_statistics(noise, seed=1)

    assert first.seed == again.seed != other.seed == 1
    assert first.runs.column("sharpe_low").equals(again.runs.column("sharpe_low"))
    assert not first.runs.column("sharpe_low").equals(other.runs.column("sharpe_low"))


def test_a_damaged_part_takes_its_run_out_of_the_statistics(noise: Path) -> None:
    part = next((noise / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes() + b"x")
    found = batch_statistics(noise)

    assert found.with_sharpe == 9
    assert found.trials.attempted == 11


def test_what_was_written_is_read_again(noise: Path) -> None:
    found = batch_statistics(noise, prior_trials=7)
    write_statistics(noise, found)

    assert read_statistics(noise) == found


def test_statistics_of_a_batch_that_went_on_are_not_read(noise: Path) -> None:
    write_statistics(noise, batch_statistics(noise))
    with open_ledger(noise) as ledger:
        ledger.commit()

    assert read_statistics(noise) is None


def test_nothing_is_read_where_nothing_was_written(noise: Path) -> None:
    assert read_statistics(noise) is None


def test_damaged_statistics_say_how_they_are_made_again(noise: Path) -> None:
    of_batch, _ = write_statistics(noise, batch_statistics(noise))
    of_batch.write_text("{")

    with pytest.raises(OutputError, match="remove it, 'dbatch stats"):
        read_statistics(noise)


def test_a_folder_without_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        batch_statistics(tmp_path)


def test_the_command_writes_the_files_and_says_what_the_best_is_worth(noise: Path, dbatch: Callable[..., Any]) -> None:
    finished = dbatch("stats", noise, "--prior-trials", 9)

    assert finished.returncode == 0, finished.stderr
    assert "20 trials (11 of 12 planned runs begun, 1 failed, 9 prior)" in finished.stdout
    assert "deflated Sharpe ratio" in finished.stdout
    assert "2 runs; column 'reason'" in finished.stdout
    assert pq.read_table(noise / "batch_statistics.parquet").num_rows == 12


def test_prior_trials_are_remembered_and_never_lowered(noise: Path, dbatch: Callable[..., Any]) -> None:
    dbatch("stats", noise, "--prior-trials", 9)
    again = dbatch("stats", noise, "--json")
    fewer = dbatch("stats", noise, "--prior-trials", 8)

    assert json.loads(again.stdout)["trials"]["prior"] == 9
    assert fewer.returncode == 2
    assert "prior-trials is 8, must be 9 or more" in fewer.stderr


def test_the_command_says_why_there_is_nothing_to_say(
    batches: ModuleType, make_batch: Make, tmp_path: Path, dbatch: Callable[..., Any]
) -> None:
    make_batch(tmp_path / "b", [batches.MadeRun({"AAA": "failed"})])
    finished = dbatch("stats", tmp_path / "b")

    assert finished.returncode == 0, finished.stderr
    assert "best: none (no run has a Sharpe ratio" in finished.stdout
    assert "probability of overfitting: none" in finished.stdout


def test_intervals_of_the_best_alone_are_those_that_all_would_have(noise: Path) -> None:
    every, some = batch_statistics(noise).runs, batch_statistics(noise, intervals=3).runs
    sharpe = np.array([-math.inf if value is None else value for value in every.column("sharpe").to_pylist()])
    best = set(np.argsort(-sharpe)[:3].tolist())

    for name in ("sharpe_low", "sharpe_high"):
        values = every.column(name).to_pylist()
        expected = {place: pytest.approx(values[place], rel=1e-12) for place in best}
        assert {
            place: value for place, value in enumerate(some.column(name).to_pylist()) if value is not None
        } == expected
    assert some.column("dsr").equals(every.column("dsr"))
