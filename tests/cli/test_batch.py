"""`dbatch batch`, `sweep`, `resume` and `retry` as a user calls them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]


@pytest.fixture
def batch_file(tmp_path: Path, ticks: Path, strategies: Path) -> Callable[..., Path]:
    """Write a YAML batch of the counting handler with further lines, and return its path."""

    def write(text: str, strategy: str = "counting") -> Path:
        path = tmp_path / "try.yaml"
        path.write_text(
            "batch_name: try\ndescription: a try\n"
            f"base_args: {{strategy: {strategy}, strategy_path: my_strategies, data: ticks}}\n{text}\n"
        )
        return path

    return write


GRID = "grid: {size: [1, 2], stop: [0.5, 1.5]}"


def test_a_batch_says_how_it_goes_and_where_its_results_are(dbatch: Run, batch_file: Run, tmp_path: Path) -> None:
    ran = dbatch("batch", batch_file(GRID), "--serial")

    assert ran.returncode == 0, ran.stderr
    lines = ran.stderr.splitlines()
    assert lines[0] == "try: 4 runs, 12 jobs, 1 at a time"
    blocks = [line for line in lines if line.startswith("blocks ")]
    assert len(blocks) == 4
    assert re.fullmatch(r"blocks 1/4: runs 0-1 ok 1 \d+\.\d s RSS \d+ MB eta \d+s", blocks[0])
    assert lines[-1] == "4 runs: ok 4; results in output/try"
    made = sorted(path.name for path in (tmp_path / "output" / "try").glob("[!.]*"))
    assert (ran.stdout, made) == (
        "",
        [
            "batch_manifest.json",
            "batch_summary.csv",
            "batch_summary.json",
            "batch_summary.parquet",
            "ledger.sqlite",
            "parts",
            "results.parquet",
            "runs",
        ],
    )


def test_the_plan_alone_touches_nothing(dbatch: Run, batch_file: Run, tmp_path: Path) -> None:
    path = batch_file(GRID)
    before = sorted(tmp_path.rglob("*"))

    printed = dbatch("batch", "--config-file", path, "--dry-run", "--workers", "2")
    assert printed.returncode == 0, printed.stderr
    facts = dict(line.split(None, 1) for line in printed.stdout.splitlines()[:4])
    assert (facts["runs"], facts["jobs"]) == ("4", "12")
    assert printed.stdout.splitlines()[-2:] == ["  counting: 4 runs over 3", "nothing was run"]
    as_json = json.loads(dbatch("batch", path, "--dry-run", "--json").stdout)
    assert (as_json["schema"], as_json["runs"], as_json["done"]) == ("dbatch.batch_plan/1", 4, 0)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sweep_is_a_batch_in_one_line(dbatch: Run, ticks: Path, strategies: Path, tmp_path: Path) -> None:
    swept = dbatch(
        "sweep", "--strategy", "counting", "--strategy-path", strategies, "--data", ticks, "--securities", "AAA,BBB",
        "--grid", "size=1,2,3", "--grid", "stop=0.5..1.5:0.5", "--random", "4", "--seed", "3", "--serial", "--json",
        "--name", "mine", "--fills", "none", "--set", "venue=ADX",
    )  # fmt: skip

    assert swept.returncode == 0, swept.stderr
    outcome = json.loads(swept.stdout)
    assert (outcome["runs"], outcome["jobs"], outcome["exit_code"]) == ({"success": 4}, {"success": 8}, 0)
    results = pd.read_parquet(tmp_path / "output" / "mine" / "results.parquet")
    assert sorted(results["security"].unique()) == ["AAA", "BBB"]
    assert set(results["param.stop"]) <= {0.5, 1.0, 1.5}
    assert not list((tmp_path / "output" / "mine").rglob("*_trades_timeseries.csv"))


def test_a_failed_batch_is_resumed_and_retried(dbatch: Run, batch_file: Run, strategies: Path) -> None:
    ran = dbatch("batch", batch_file(GRID, "raising"), "--serial", "--no-progress")

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-2:] == [
        "4 runs: failed 4; results in output/try",
        "causes: dbatch logs output/try --failed; again: dbatch retry output/try",
    ]
    resumed = dbatch("resume", "output/try", "--serial")
    assert resumed.returncode == 1
    assert "nothing was left to compute" in resumed.stderr
    unknown = dbatch("retry", "output/try", "--cause", "bad luck")
    assert (unknown.returncode, "must be one of failed, timeout" in unknown.stderr) == (2, True)
    path = strategies / "handlers.py"
    path.write_text(path.read_text().replace('raise KeyError("adj_close")', "return state"))
    stale = dbatch("retry", "output/try", "--cause", "failed", "--serial")
    assert (stale.returncode, "code of strategy 'raising' has changed" in stale.stderr) == (2, True)
    retried = dbatch("retry", "output/try", "--rerun-stale", "--serial", "--no-progress")
    assert retried.returncode == 0, retried.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name one batch file"),
        (("missing.yaml",), "missing.yaml"),
        (("try.yaml", "--units", "many"), "--units many: must be auto or a number"),
        (("try.yaml", "--timeout", "soon"), "--timeout soon: must be a duration"),
        (("try.yaml", "--timeout", "5s", "--isolate", "worker"), "--isolate process"),
        (("try.yaml", "--range", "4:"), "has 4 runs"),
        (("try.yaml", "--tag", "gulf"), "--tag gulf: must be KEY=VALUE"),
        (("try.yaml", "--accept-stale", "--rerun-stale"), "only one of them"),
        (("try.yaml", "--fills", "best"), "--fills best: must be all, none, top:N or auto"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_starts_nothing(
    dbatch: Run, batch_file: Run, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    batch_file(GRID)
    refused = dbatch("batch", *options)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "output").exists()


def test_progress_can_be_read_by_programs(dbatch: Run, batch_file: Run) -> None:
    ran = dbatch("batch", batch_file("grid: {size: [1, 2]}", "raising"), "--serial", "--progress", "json")

    assert ran.returncode == 1
    events = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events] == ["started", "failed", "failed", "block", "block"]
    assert (events[0]["runs"], events[0]["jobs"]) == (2, 6)
    assert events[1]["security"] == "BBB"
    assert events[3]["statuses"] == {"failed": 1}


def test_a_sweep_says_which_run_is_best_and_another_objective_computes_nothing(dbatch: Callable[..., Any]) -> None:
    sweep = ["sweep", "-s", "v1_baseline", "--grid", "quote_size=100,1000", "--serial", "--no-progress", "--json"]

    found = [dbatch(*sweep, "--objective", name) for name in ("return", "drawdown")]

    outcomes = [json.loads(each.stdout) for each in found]
    assert [outcome["computed"] for outcome in outcomes] == [6, 0]
    assert [outcome["best"]["run_id"] for outcome in outcomes] == ["quote_size_1000", "quote_size_100"]
    assert "best by return: quote_size_1000, total_pnl " in found[0].stderr
