"""`dbatch.Batch`: what was kept, read from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dbatch
from dbatch.errors import OutputError, StorageError, UsageError

Run = Callable[..., Any]


@pytest.fixture
def opened(batch: Path) -> dbatch.Batch:
    return dbatch.Batch.open(batch)


def test_results_are_a_row_per_job_and_lazily_the_same(opened: dbatch.Batch) -> None:
    results = opened.results()

    assert results.shape[0] == 8
    assert results.loc[results["status"] == "failed", "security"].tolist() == ["CCC"]
    lazy = opened.results(lazy=True)
    pd.testing.assert_frame_equal(lazy.compute(scheduler="sync"), results, check_dtype=False)


def test_the_summary_is_a_row_per_run_chosen_and_sorted(opened: dbatch.Batch) -> None:
    summary = opened.summary("sharpe is not null", ["-size"], top=2)

    assert summary["run_id"].tolist() == ["size_30", "size_20"]
    assert opened.best(1)["run_id"].tolist() == ["size_20"]


def test_a_run_has_its_fills_equity_daily_and_log(opened: dbatch.Batch) -> None:
    run = opened.run("size_20")

    # Each of two securities earned 10, 20, 15 with a purchase and a sale on each of three days.
    assert run.parameters == {"size": 20}
    assert run.fills["security"].tolist() == ["A/B"] * 6 + ["CCC"] * 6
    assert run.fills["realized_pnl"].tolist() == [0.0, 10.0, 0.0, 20.0, 0.0, 15.0] * 2
    assert run.daily.to_dict("list") == {"A/B": [10.0, 20.0, 15.0], "CCC": [10.0, 20.0, 15.0]}
    assert run.equity.tolist() == [1_000_020.0, 1_000_060.0, 1_000_090.0]
    assert [str(day)[:10] for day in run.equity.index] == ["2025-04-14", "2025-04-15", "2025-04-16"]
    assert run.log == "A/B  success  6 fills  (0.500 s)\nCCC  success  6 fills  (0.500 s)"
    assert "CCC  failed  KeyError: 'adj_close'" in opened.run(3).log


def test_the_equity_of_a_run_begins_with_the_capitals_of_its_jobs(batches: Any, tmp_path: Path) -> None:
    jobs = {"A": batches.MadeJob(capital=1_000.0), "B": batches.MadeJob(capital=2_000.0), "C": "failed"}
    batches.make_batch(tmp_path / "b", [batches.MadeRun(jobs, run_id="one")])

    assert dbatch.Batch.open(tmp_path / "b").run("one").equity.tolist() == [3_020.0, 3_010.0]


def test_a_run_that_is_not_there_is_refused_with_a_suggestion(opened: dbatch.Batch) -> None:
    with pytest.raises(UsageError, match="did you mean 'size_20'"):
        opened.run("size_2O")


def test_fills_that_were_not_kept_are_said_to_be_so(batches: Any, four_runs: list[Any], tmp_path: Path) -> None:
    batches.make_batch(tmp_path / "b", four_runs, keep_fills=False)

    with pytest.raises(OutputError, match="were not kept; --fills all"):
        _ = dbatch.Batch.open(tmp_path / "b").run(0).fills


def test_of_a_damaged_part_nothing_is_shown(batches: Any, four_runs: list[Any], tmp_path: Path) -> None:
    batches.make_batch(tmp_path / "b", four_runs)
    for path in (tmp_path / "b").glob("parts/*/*.parquet"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    run = dbatch.Batch.open(tmp_path / "b").run(0)

    for name in ("fills", "equity", "daily"):
        with pytest.raises(StorageError):
            getattr(run, name)


def test_batches_are_compared_job_by_job(
    opened: dbatch.Batch, batches: Any, four_runs: list[Any], write_batch: Run, tmp_path: Path
) -> None:
    changed = batches.MadeRun({"A/B": batches.MadeJob(daily=(9.0, 1.0)), "CCC": "failed"}, run_id="size_10")
    other = dbatch.Batch.open(write_batch(tmp_path / "other", [changed, *four_runs[1:3]]))

    compared = opened.compare(other).set_index(["run_id", "security"])

    assert compared.loc[("size_20", "A/B"), "equal"]
    assert not compared.loc[("size_10", "A/B"), "equal"]
    assert compared.loc[("size_10", "A/B"), ["total_pnl_left", "total_pnl_right"]].tolist() == [2.0, 10.0]
    assert compared["equal"].isna().sum() == 3  # failed there, not there at all twice
    assert compared.loc[("size_10", "CCC"), "status_right"] == "failed"


def test_lazy_results_of_files_that_are_old_are_refused(batches: Any, four_runs: list[Any], tmp_path: Path) -> None:
    batches.make_batch(tmp_path / "b", four_runs)
    unfinished = dbatch.Batch.open(tmp_path / "b")

    assert len(unfinished.results()) == 8
    with pytest.raises(OutputError, match="not up to date"):
        unfinished.results(lazy=True)


def test_a_select_is_answered(opened: dbatch.Batch) -> None:
    earned = opened.sql(
        "select day, sum(daily_pnl) as pnl from daily where run_id = 'size_20' group by day order by day"
    )

    assert earned["pnl"].tolist() == [20.0, 40.0, 30.0]
    assert opened.sql("select count(*) as n from fills where side = 'buy'")["n"].tolist() == [3 * 6 + 2]


@pytest.mark.parametrize(
    "question",
    [
        "drop table runs",
        "select 1; select 2",
        "copy runs to 'x.csv'",
        "select * from '/etc/hostname'",
        "select nope from runs",
    ],
)
def test_what_is_no_select_over_the_batch_is_refused(opened: dbatch.Batch, question: str) -> None:
    with pytest.raises(UsageError, match=r"^sql: "):
        opened.sql(question)


def test_a_card_shows_state_and_the_best_runs(opened: dbatch.Batch) -> None:
    card = opened._repr_html_()

    assert "<b>nightly</b> FINISHED 4/4 runs (failed 1, success 3)" in card
    assert "<li>failed: KeyError: &#x27;adj_close&#x27; (1)</li>" in card
    assert card.index("size_20") < card.index("size_10")


def test_nothing_is_opened_where_no_batch_is(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no batch"):
        dbatch.Batch.open(tmp_path)
