"""Without skill, success is cried as often as the statistics say; with skill in the results it is taken away first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.errors import UsageError
from dbatch.statistics.moments import moments
from dbatch.statistics.null_of_batch import grouped, permuted
from dbatch.statistics.null_test import _drawn_moments, of_groups, without_skill


def noise(seed: int, rows: int, days: int = 120) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).standard_normal((rows, days))
    return drawn


def test_moments_of_days_drawn_again_are_those_of_the_days_written_out() -> None:
    rows = noise(1, 3, 40)
    apart = rows - rows.mean(axis=1, keepdims=True)
    days = np.random.default_rng(2).integers(0, 40, 40)
    times = np.bincount(days, minlength=40)[None, :].astype(float)
    ours, slow = _drawn_moments(apart, times), moments(apart[:, days])

    assert ours.sharpe[0] == pytest.approx(slow.sharpe, rel=1e-9)
    assert ours.skewness[0] == pytest.approx(slow.skewness, rel=1e-8)
    assert ours.kurtosis[0] == pytest.approx(slow.kurtosis, rel=1e-8)


def test_skill_is_taken_away_before_success_is_looked_for() -> None:
    found = without_skill(noise(3, 50) + 0.5, trials=50, seed=1)

    assert found.psr > 0.5
    assert found.dsr <= 0.05
    assert found.actual_sharpe is not None
    assert found.actual_sharpe > 0.5
    assert found.reached == 0.0


def test_the_best_of_noise_is_reached_by_noise() -> None:
    found = without_skill(noise(4, 50), trials=50, seed=1)

    assert found.reached is not None
    assert found.reached > 0.05


def test_runs_with_skill_make_groups_cry() -> None:
    rows = noise(5, 200)
    rows[::50] += 1.0  # the first of each group of fifty

    assert of_groups(rows, group=50).dsr == 1.0
    assert of_groups(noise(5, 200), group=50).dsr == 0.0


def test_one_seed_gives_one_answer() -> None:
    rows = noise(6, 20)
    first, again, other = (without_skill(rows, trials=20, seed=seed) for seed in (1, 1, 2))

    assert first.best_sharpe.tobytes() == again.best_sharpe.tobytes() != other.best_sharpe.tobytes()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: without_skill(noise(1, 1), trials=5, seed=1), "1 runs have days that differ, must be two or more"),
        (lambda: without_skill(noise(1, 9), trials=5, seed=1), "trials is 5, must be 9 or more"),
        (lambda: without_skill(noise(1, 9), trials=9, seed=1, repeats=3), "repeats is 3, must be 10 or more"),
        (lambda: of_groups(noise(1, 9), group=4), "9 runs in groups of 4"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(call: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


@pytest.fixture
def batch(batches: ModuleType, make_batch: Callable[..., Any], tmp_path: Path) -> Path:
    rows = (100.0 * noise(7, 12, 60)).round(2).tolist()
    runs = [batches.MadeRun({"AAA": batches.MadeJob(daily=tuple(row))}) for row in rows]
    make_batch(tmp_path / "batch", [*runs, batches.MadeRun({"AAA": "failed"})])
    return tmp_path / "batch"


def test_all_trials_of_the_ledger_are_counted(batch: Path) -> None:
    found = permuted(batch, prior_trials=7, repeats=20)

    assert (found.runs, found.trials, found.days, found.repeats) == (12, 20, 60, 20)


def test_groups_need_every_run(batch: Path) -> None:
    with pytest.raises(UsageError, match="1 of 13 runs did not succeed"):
        grouped(batch, group=4)


def test_the_command_looks_at_a_batch(batch: Path, dbatch: Callable[..., Any]) -> None:
    dbatch("stats", batch, "--prior-trials", 7)
    finished = dbatch("null-test", batch, "--repeats", 20, "--json")

    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["trials"] == 20


def test_the_command_needs_a_batch_or_data(batch: Path, dbatch: Callable[..., Any]) -> None:
    for arguments in ((), (batch, "--data", "ticks")):
        finished = dbatch("null-test", *arguments)
        assert finished.returncode == 2
        assert "name the folder of a batch, or --data" in finished.stderr


@pytest.fixture
def forty_days(tmp_path: Path) -> Path:
    """A market of one security: a random walk over forty days, a trade every minute from 10:00 to 15:00."""
    rng = np.random.default_rng(8)
    minutes = pd.timedelta_range("10:00:00", "15:00:00", freq="1min")
    when = [day + minute for day in pd.bdate_range("2025-03-03", periods=40) for minute in minutes]
    price = np.round(50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, len(when)))), 2)
    frame = pd.DataFrame({"timestamp": when, "type": "trade", "price": price, "volume": 100.0})
    (tmp_path / "ticks").mkdir()
    frame.to_parquet(tmp_path / "ticks" / "walk.parquet")
    return tmp_path / "ticks"


def test_random_entries_go_through_the_whole_pipeline(forty_days: Path, dbatch: Callable[..., Any]) -> None:
    command = ("null-test", "--data", forty_days, "--trials", 5, "--repeats", 10, "--serial", "--no-progress")
    finished = dbatch(*command, "--json")

    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert (found["repeats"], found["runs"], found["days"], found["dsr"]) == (10, 5, 40, 0.0)
    assert found["psr"] > 0.0  # it traded, and some of the best look significant
    summary = pd.read_parquet(forty_days.parent / "output" / "null_test" / "batch_summary.parquet")
    assert summary["realized_pnl"].nunique() == 50  # every draw is another run
    assert (summary["fills"] > 100).all()
