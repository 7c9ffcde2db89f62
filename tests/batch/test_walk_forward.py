"""Walking forward: which days train and which test, worked by hand, and one over a small market of bars."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch.walk_windows import WalkWindow, walk_windows
from dbatch.errors import UsageError


def test_tests_follow_each_other_and_the_last_may_be_shorter() -> None:
    assert walk_windows(10, train=4, test=3) == (WalkWindow(0, 3, 4, 6), WalkWindow(3, 6, 7, 9))
    assert walk_windows(9, train=4, test=3)[-1] == WalkWindow(3, 6, 7, 8)


def test_purge_shortens_training_and_embargo_moves_the_test() -> None:
    # 20 days: train on 0..7 less the last two, leave out 8..10, test on 11..15; then five days later
    assert walk_windows(20, train=8, test=5, purge=2, embargo=3) == (
        WalkWindow(0, 5, 11, 15),
        WalkWindow(5, 10, 16, 19),
    )


def test_anchored_windows_begin_with_the_first_day() -> None:
    assert walk_windows(10, train=4, test=3, anchored=True) == (WalkWindow(0, 3, 4, 6), WalkWindow(0, 6, 7, 9))


@pytest.mark.parametrize("lengths", [(30, 7, 5, 0, 0), (31, 7, 5, 2, 1), (100, 10, 1, 9, 4), (13, 12, 40, 0, 0)])
def test_no_training_day_comes_after_a_day_of_its_test(lengths: tuple[int, ...]) -> None:
    days, train, test, purge, embargo = lengths
    windows = walk_windows(days, train=train, test=test, purge=purge, embargo=embargo)

    tested = [day for window in windows for day in range(window.test_first, window.test_last + 1)]
    assert tested == list(range(train + embargo, days))  # each day once, without a gap
    assert all(window.train_last + purge + embargo + 1 == window.test_first for window in windows)
    assert all(window.train_last - window.train_first + 1 == train - purge for window in windows)


@pytest.mark.parametrize(
    ("lengths", "fault"),
    [
        ({"train": 10, "test": 1}, "the data have 10 days, a window needs more than 10 before its test"),
        ({"train": 3, "test": 1, "purge": 3}, "--purge 3: leaves nothing of --train 3"),
        ({"train": 3, "test": 0}, "--test 0: must be 1 or more days"),
    ],
)
def test_lengths_that_leave_no_window_are_refused(lengths: dict[str, int], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        walk_windows(10, **lengths)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """30 days of 24 hours, a walk that the same seed gives."""
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.005, 720)))
    times = pd.date_range("2024-01-01", periods=720, freq="h")
    frame = pd.DataFrame({"timestamp": times, "open": closes, "high": closes * 1.001, "low": closes * 0.999})
    frame.assign(close=closes, volume=1.0).to_csv(tmp_path / "walk.csv", index=False)
    return tmp_path / "walk.csv"


def test_the_best_of_each_training_window_is_tested_and_the_equity_is_stitched(
    dbatch: Callable[..., Any], bars: Path, tmp_path: Path
) -> None:
    command = [
        "walk-forward", "-s", "sma_cross", "--grid", "fast=2,5", "--grid", "slow=10,20", "--data", bars, "--train", 12,
        "--test", 8, "--purge", 1, "--embargo", 2, "--objective", "return", "--serial", "--json",
    ]  # fmt: skip

    first, again = dbatch(*command), dbatch(*command)

    assert first.returncode == 0, first.stderr
    folder = tmp_path / "output" / "sma_cross-walk-forward"
    document = json.loads(first.stdout)
    windows = document["windows"]
    assert [(w["train_start"], w["train_end"], w["test_start"], w["test_end"]) for w in windows] == [
        ("2024-01-01", "2024-01-11", "2024-01-15", "2024-01-22"),
        ("2024-01-09", "2024-01-19", "2024-01-23", "2024-01-30"),
    ]
    for number, window in enumerate(windows, start=1):
        summary = pd.read_parquet(folder / f"train_{number:02d}" / "batch_summary.parquet")
        assert len(summary) == 4
        assert window["run_id"] == summary.loc[summary["total_pnl"].idxmax(), "run_id"]
        assert window["test_pnl"] == pytest.approx(window["test_value"])
    equity = pd.read_csv(folder / "walk_forward_equity.csv")
    assert equity["date"].tolist() == pd.date_range("2024-01-15", "2024-01-30").strftime("%Y-%m-%d").tolist()
    assert equity["equity"].iloc[-1] == pytest.approx(1_000_000 + sum(w["test_value"] for w in windows))
    assert json.loads(again.stdout) == document
