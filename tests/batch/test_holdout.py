"""A holdout is not seen before it is opened, and opening it is written down first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch.holdout import opened_holdout, record_opening
from dbatch.batch.options import BatchOptions
from dbatch.batch.random_entries import strategy_path
from dbatch.config.batch_file import load_batch
from dbatch.config.holdout import Holdout
from dbatch.config.sweep import sweep_batch
from dbatch.errors import ConfigError, UsageError
from dbatch.results.openings import openings
from dbatch.statistics.of_batch import batch_statistics

DAYS = pd.bdate_range("2025-03-03", periods=70)
START = str(DAYS[35].date())
BEFORE = str(DAYS[34].date())


def test_a_sealed_run_ends_the_day_before() -> None:
    sealed = Holdout("2025-03-01")

    assert sealed.over("r", {}) == {"end_date": "2025-02-28"}
    assert sealed.over("r", {"end_date": "2025-06-01"})["end_date"] == "2025-02-28"
    assert sealed.over("r", {"end_date": "2025-01-01"})["end_date"] == "2025-01-01"


def test_an_opened_run_begins_with_the_holdout() -> None:
    opened = Holdout("2025-03-01", is_open=True)

    assert opened.over("r", {"start_date": "2024-01-01"}) == {"start_date": "2025-03-01"}
    assert opened.over("r", {"end_date": "2025-06-01"}) == {"start_date": "2025-03-01", "end_date": "2025-06-01"}


@pytest.mark.parametrize(
    ("holdout", "arguments", "words"),
    [
        (Holdout("2025-03-01"), {"start_date": "2025-03-01"}, "run r: start_date 2025-03-01 lies in the holdout"),
        (Holdout("2025-03-01", True), {"end_date": "2025-02-28"}, "end_date 2025-02-28 lies before the holdout"),
    ],
)
def test_a_run_without_days_is_refused(holdout: Holdout, arguments: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        holdout.over("r", arguments)


@pytest.mark.parametrize(
    ("written", "words"),
    [("soon", "must be a date and a colon"), ("2025-02-30:", "is not a day of the calendar"), (7, "must be a date")],
)
def test_what_is_no_date_is_a_fault_of_the_file(tmp_path: Path, written: object, words: str) -> None:
    document = {"batch_name": "b", "description": "d", "grid": {"x": [1]}, "base_args": {"strategy": "s"}}
    (tmp_path / "b.json").write_text(json.dumps({**document, "holdout": written}))

    with pytest.raises(ConfigError, match=words):
        load_batch(tmp_path / "b.json")


def test_another_holdout_is_another_batch_with_other_runs() -> None:
    first, second, none = (
        sweep_batch("s", ["x=1,2"], fields={} if start is None else {"holdout": start})
        for start in ("2025-03-01:", "2025-04-01:", None)
    )

    assert len({first.config_hash, second.config_hash, none.config_hash}) == 3
    assert len({first.runs[0].params_hash, second.runs[0].params_hash, none.runs[0].params_hash}) == 3
    assert first.runs[1].arguments["end_date"] == "2025-02-28"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dbatch_in: Callable[..., Any]) -> Path:
    """A folder with a market of seventy days and a batch of four runs over it, the second half sealed."""
    folder = tmp_path_factory.mktemp("sealed")
    rng = np.random.default_rng(8)
    minutes = pd.timedelta_range("10:00:00", "15:00:00", freq="1min")
    when = [day + minute for day in DAYS for minute in minutes]
    price = np.round(50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, len(when)))), 2)
    (folder / "ticks").mkdir()
    frame = pd.DataFrame({"timestamp": when, "type": "trade", "price": price, "volume": 100.0})
    frame.to_parquet(folder / "ticks" / "walk.parquet")
    finished = dbatch_in(
        folder, "sweep", "--strategy", "random_entries", "--strategy-path", strategy_path(), "--data", "ticks",
        "--grid", "draw=1..4:1", "--holdout", f"{START}:", "--name", "b", "--serial", "--no-progress",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def unsealed(folder: Path, dbatch_in: Callable[..., Any]) -> dict[str, Any]:
    """What opening the holdout for the best run said; the batch is as it was before."""
    sealed = batch_statistics(folder / "output" / "b")
    finished = dbatch_in(folder, "unseal", "output/b", "--serial", "--no-progress", "--json")
    assert finished.returncode == 0, finished.stderr
    return {**json.loads(finished.stdout), "sealed": sealed}


def test_no_run_sees_a_sealed_day(unsealed: dict[str, Any], folder: Path) -> None:
    summary = pd.read_parquet(folder / "output" / "b" / "batch_summary.parquet")

    assert set(summary["end_date"]) == {BEFORE}
    assert (unsealed["sealed"].holdout, unsealed["sealed"].openings) == (START, 0)


def test_the_best_run_is_carried_out_over_the_sealed_days_alone(unsealed: dict[str, Any], folder: Path) -> None:
    before = pd.read_parquet(folder / "output" / "b" / "batch_summary.parquet").set_index("run_id")
    within = pd.read_parquet(folder / "output" / "b" / "holdout" / "batch_summary.parquet")
    (row,) = unsealed["runs"]

    assert row["run_id"] == before["sharpe"].idxmax() == within["run_id"].item()
    assert (within["start_date"].item(), within["end_date"].item()) == (START, str(DAYS[-1].date()))
    assert (row["sharpe"], row["holdout_sharpe"]) == (before["sharpe"].max(), within["sharpe"].item())
    assert row["holdout_days"] == 35
    assert 0.0 < row["holdout_psr"] < 1.0


def test_that_it_was_opened_is_known_from_then_on(unsealed: dict[str, Any], folder: Path) -> None:
    (opening,) = openings(folder / "output" / "b")

    assert opening["runs"] == [unsealed["runs"][0]["run_id"]]
    assert batch_statistics(folder / "output" / "b").openings == 1


def test_the_same_run_again_is_no_new_opening(unsealed: dict[str, Any], folder: Path) -> None:
    opened = opened_holdout(folder / "output" / "b")

    assert record_opening(opened) == 1


def test_another_run_is_refused_until_it_is_counted(unsealed: dict[str, Any], folder: Path) -> None:
    batch = folder / "output" / "b"
    other = next(f"draw_{draw}" for draw in range(1, 5) if f"draw_{draw}" != unsealed["runs"][0]["run_id"])

    with pytest.raises(UsageError, match="what is chosen after a look is a new trial"):
        opened_holdout(batch, [other])
    assert record_opening(opened_holdout(batch, [other], again=True)) == 2


def test_what_has_changed_since_the_choice_is_not_tested(unsealed: dict[str, Any], folder: Path) -> None:
    opened = opened_holdout(folder / "output" / "b")
    frame = pd.read_parquet(folder / "ticks" / "walk.parquet")
    try:
        frame.iloc[:-1].to_parquet(folder / "ticks" / "walk.parquet")
        with pytest.raises(UsageError, match="the data of WALK has changed; what was chosen is not what would be"):
            opened.plan(BatchOptions())
        assert opened.plan(BatchOptions(stale="accept")).runs
    finally:
        frame.to_parquet(folder / "ticks" / "walk.parquet")


def test_a_run_that_is_not_there_and_a_batch_without_a_holdout_are_refused(
    unsealed: dict[str, Any], folder: Path
) -> None:
    with pytest.raises(UsageError, match="has no run 'nobody'"):
        opened_holdout(folder / "output" / "b", ["nobody"])
    with pytest.raises(UsageError, match="was carried out without a holdout"):
        opened_holdout(folder / "output" / "b" / "holdout")
