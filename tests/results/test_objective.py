"""Which run of a batch is the best, by the metric that somebody is after."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import UsageError
from dbatch.looking.query import Choice
from dbatch.looking.show import show
from dbatch.results.objective import OBJECTIVES, best_run, objective_of


def test_of_equal_runs_the_first_by_number_is_the_best() -> None:
    summary = {"run_id": ["a", "b", "c"], "sharpe": [1.0, 2.0, 2.0]}

    assert best_run("sharpe", summary, {"b": {"n": 3}}) == {
        "objective": "sharpe",
        "column": "sharpe",
        "direction": "high",
        "run_id": "b",
        "value": 2.0,
        "parameters": {"n": 3},
    }


@pytest.mark.parametrize(
    ("name", "column"), [("drawdown", "max_dd_pct"), ("max_dd", "max_dd"), ("turnover", "turnover")]
)
def test_low_is_good_of_drawdowns_and_turnover(name: str, column: str) -> None:
    assert best_run(name, {"run_id": ["a", "b"], column: [3.0, 2.0]}, {})["run_id"] == "b"


def test_return_is_the_total_pnl_and_high_is_good() -> None:
    assert best_run("return", {"run_id": ["a", "b"], "total_pnl": [-1.0, 5.0]}, {})["run_id"] == "b"


def test_runs_without_a_value_are_never_the_best() -> None:
    assert best_run("sharpe", {"run_id": ["a", "b"], "sharpe": [None, -3.0]}, {})["run_id"] == "b"
    assert best_run("sharpe", {"run_id": ["a"], "sharpe": [None]}, {})["run_id"] is None


def test_an_objective_that_is_no_metric_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"--objective runtime_sec: must be one of return, pnl, .*sharpe"):
        objective_of("runtime_sec")


def test_every_objective_has_a_direction() -> None:
    assert {name for name in OBJECTIVES if objective_of(name).is_low} == {
        "annual_volatility_pct", "max_dd", "max_dd_pct", "turnover", "fees",
    }  # fmt: skip


def test_the_best_run_stands_in_summary_and_manifest_and_orders_show(
    tmp_path: Path, write_batch: Callable[..., Path], four_runs: list[Any]
) -> None:
    folder = write_batch(tmp_path / "batch", four_runs, facts={"options": {"objective": "drawdown"}})

    for name in ("batch_summary.json", "batch_manifest.json"):
        best = json.loads((folder / name).read_text())["best"]
        assert (best["run_id"], best["value"], best["parameters"]["size"]) == ("size_20", 0.0, 20)  # it never loses
    assert show(folder, Choice()).rows.column("run_id").to_pylist()[0] == "size_20"
    assert show(folder, Choice()).rows.column("run_id").to_pylist()[2] == "size_30"  # which falls deepest


def test_a_batch_without_an_objective_names_no_best_run(batch: Path) -> None:
    assert "best" not in json.loads((batch / "batch_summary.json").read_text())
