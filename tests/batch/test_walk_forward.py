"""Walking forward: which days train and which test, worked by hand, and one over a small market of bars."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import walk_forward as module
from dbatch.batch.check_file import FileCheck
from dbatch.batch.notebook import sweep
from dbatch.batch.options import BatchOptions
from dbatch.batch.setups import Setups
from dbatch.batch.walk_forward import Lengths, walk_forward
from dbatch.batch.walk_result import WalkForward
from dbatch.batch.walk_windows import WalkWindow, walk_windows
from dbatch.config.batch_file import BatchFile
from dbatch.config.sweep import sweep_batch
from dbatch.engine.execute import Execution
from dbatch.errors import Interrupted, UsageError
from dbatch.looking.one_run import run_days


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


def test_nothing_to_choose_from_is_refused_by_its_own_name(dbatch: Callable[..., Any], bars: Path) -> None:
    command = ["walk-forward", "-s", "sma_cross", "--data", bars, "--train", 12, "--test", 8]
    nothing, unknown = dbatch(*command), dbatch(*command, "--grid", "quick=1,2")
    assert (nothing.returncode, unknown.returncode) == (2, 2)
    assert nothing.stderr == "error: walk-forward: has nothing to choose from, must have a --grid KEY=V,V,..\n"
    assert unknown.stderr.startswith("error: walk-forward: grid.quick: unknown parameter")


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
    assert equity["equity"].iloc[-1] == pytest.approx(100_000 + sum(w["test_value"] for w in windows))
    assert json.loads(again.stdout) == document


def walked(bars: Path, folder: Path, lengths: Lengths, objective: str = "return") -> WalkForward:
    """Walk a sweep of four means over `bars`, serially in this process."""

    def load(dates: Mapping[str, Any]) -> BatchFile:
        fields = {"base_args": {"data": str(bars), **dates}}
        return sweep_batch("sma_cross", ["fast=2,5", "slow=10,20"], fields=fields, check=FileCheck(Setups()))

    options = BatchOptions(execution=Execution(serial=True, dashboard=False), objective=objective)
    return walk_forward(load, folder, lengths, options)


def test_a_warm_up_is_read_before_each_test_and_what_it_brings_does_not_count(bars: Path, tmp_path: Path) -> None:
    found = walked(bars, tmp_path / "walk", Lengths(12, 8, warmup=5))

    assert [(step.history_start, step.test_start, step.test_end) for step in found.steps] == [
        ("2024-01-08", "2024-01-13", "2024-01-20"),
        ("2024-01-16", "2024-01-21", "2024-01-28"),
        ("2024-01-24", "2024-01-29", "2024-01-30"),
    ]
    for number, step in enumerate(found.steps, start=1):
        days = run_days(tmp_path / "walk" / f"test_{number:02d}", 0)
        assert len(days.days) == 5 + (8 if number < 3 else 2)
        assert days.pnl["WALK"][:5].any()  # it traded there
        assert step.test_pnl == step.test_value == pytest.approx(days.pnl["WALK"][5:].sum())
    assert len(found.days) == len(found.pnl) == 18
    assert found.equity[-1] == pytest.approx(100_000 + sum(step.test_pnl for step in found.steps))


def test_with_a_warm_up_the_strategy_enters_the_test_as_if_it_had_run_all_the_time(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (step,), pnl = (found := walked(bars, tmp_path / "walk", Lengths(20, 10, warmup=20))).steps, found.pnl
    assert (step.history_start, step.test_start) == ("2024-01-01", "2024-01-21")
    grid = {name: [value] for name, value in step.parameters.items()}
    whole = sweep("sma_cross", grid, data=str(bars), name="whole", serial=True).run(0).daily
    assert pnl.tolist() == whole.to_numpy().ravel()[20:].tolist()


def test_objectives_that_need_fills_have_no_value_where_fills_of_a_warm_up_do_not_count(
    bars: Path, tmp_path: Path
) -> None:
    found = walked(bars, tmp_path / "walk", Lengths(20, 10, warmup=5), objective="turnover")
    assert [step.test_value for step in found.steps] == [None]
    assert found.steps[0].train_value > 0


@pytest.mark.parametrize("moment", [1, 2])
def test_a_walk_that_was_stopped_between_batches_goes_on(
    bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    whole = walked(bars, tmp_path / "whole", Lengths(12, 9)).as_json()
    calls = 0

    def interrupted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > moment:
            raise Interrupted(signal.SIGTERM)
        return finish(*arguments, **named)

    finish = module.finish
    with monkeypatch.context() as patch:
        patch.setattr(module, "finish", interrupted)
        with pytest.raises(Interrupted):
            walked(bars, tmp_path / "walk", Lengths(12, 9))
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "walk").glob("*/parts/*/*")}
    assert len({path.parts[-4] for path in done}) == moment

    assert walked(bars, tmp_path / "walk", Lengths(12, 9)).as_json() == whole
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_other_windows_in_the_same_folder_are_refused(bars: Path, tmp_path: Path) -> None:
    walked(bars, tmp_path / "walk", Lengths(12, 9))
    with pytest.raises(UsageError, match="holds another batch"):
        walked(bars, tmp_path / "walk", Lengths(10, 9))


GATED = """
import pathlib, time
HERE = pathlib.Path(__file__).parent
def create_gated_handler(config):
    def handler(security, chunk, orderbook, state):
        section = config[security]
        first = str(chunk["timestamp"].iloc[0])[:10]
        with open(HERE / "done.txt", "a") as done:
            done.write(f"{section['size']} {first}\\n")
        while first == "2024-01-09" and section["size"] == 3 and not (HERE / "gate").exists():
            time.sleep(0.02)
        fill = {"timestamp": chunk["timestamp"].iloc[0], "side": "buy", "fill_price": 1.0, "fill_qty": section["size"],
                "realized_pnl": float(section["size"]), "position": section["size"], "pnl": 0.0}
        return {"trades": [fill]}
    return handler
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_inside_a_window_keeps_what_is_finished_and_the_same_command_goes_on(
    bars: Path, tmp_path: Path, number: int
) -> None:
    (tmp_path / "gated.py").write_text(GATED)
    command = [
        sys.executable, "-m", "dbatch", "walk-forward", "-s", "gated", "--strategy-path", "gated.py", "--grid",
        "size=1,2,3", "--data", str(bars), "--train", "12", "--test", "8", "--objective", "return", "--serial",
        "--isolate", "none", "--units", "1", "--grace", "300ms", "--json",
    ]  # fmt: skip
    done = tmp_path / "done.txt"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True) as driver:
        deadline = time.monotonic() + 60
        while driver.poll() is None and not (done.exists() and "3 2024-01-09" in done.read_text()):
            if time.monotonic() > deadline:
                driver.kill()
            time.sleep(0.05)
        if driver.poll() is None:  # the second window is under way
            os.killpg(driver.pid, number)
        _, said = driver.communicate(timeout=30)
    assert driver.returncode == 128 + number, said
    assert said.endswith("what is finished is kept; the same command goes on\n")
    assert "Traceback" not in said
    before = done.read_text().split("\n")
    (tmp_path / "gate").touch()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert [window["run_id"] for window in json.loads(again.stdout)["windows"]] == ["size_3"] * 3
    after = done.read_text().split("\n")[len(before) - 1 :]
    assert "3 2024-01-09" in after
    assert not {"1 2024-01-01", "3 2024-01-13", "1 2024-01-09"} & set(after)  # these were finished
