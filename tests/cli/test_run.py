"""`dbatch run` as a user meets it: what it writes, what it says, what it returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Dbatch = Callable[..., subprocess.CompletedProcess[str]]
Summary = Callable[[Path], pd.DataFrame]

RUN = ("run", "--strategy", "v1_baseline", "--data", "ticks", "--output-dir", "out", "--no-dashboard")


def contents(folder: Path) -> dict[str, bytes]:
    names = ["backtest_summary.csv", *(f"{name}_trades_timeseries.csv" for name in ("AAA", "BBB", "CCC"))]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def test_a_run_leaves_the_files_that_people_know(
    dbatch_process: Dbatch, ticks: Path, tmp_path: Path, summary: Summary
) -> None:
    finished = dbatch_process(*RUN)

    assert finished.returncode == 0, finished.stderr
    out = tmp_path / "out"
    table = summary(out)
    assert list(table.index) == ["AAA", "BBB", "CCC"]
    assert list(table.columns[:6]) == [
        "trades", "realized_pnl", "position", "market_dates", "strategy_dates", "error",
    ]  # fmt: skip
    assert list(table.columns[6:9]) == ["rows", "runtime_sec", "peak_rss_mb"]
    fills = pd.read_csv(out / "AAA_trades_timeseries.csv")
    assert list(fills.columns) == [
        "timestamp", "side", "fill_price", "fill_qty", "realized_pnl", "position", "pnl",
    ]  # fmt: skip
    assert len(fills) == int(table.loc["AAA", "trades"]) > 50
    assert fills["pnl"].iloc[-1] == float(table.loc["AAA", "realized_pnl"])
    everything = pd.read_parquet(out / "fills.parquet")
    assert everything["security"].astype(str).unique().tolist() == ["AAA", "BBB", "CCC"]
    manifest = json.loads((out / "run_manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["counts"] == {"success": 3}


def test_a_second_run_of_the_same_request_computes_nothing(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    dbatch(*RUN)
    before = contents(tmp_path / "out")

    again = dbatch(*RUN)

    assert again.returncode == 0
    assert "already done" in again.stderr
    assert contents(tmp_path / "out") == before


def test_another_request_is_refused_and_nothing_is_changed(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    dbatch(*RUN)
    before = contents(tmp_path / "out")

    other = dbatch(*RUN, "--set", "quote_size=7")

    assert other.returncode == 2
    assert "--rerun" in other.stderr
    assert len(other.stderr.splitlines()) == 1
    assert contents(tmp_path / "out") == before


def test_rerun_replaces_what_is_there(dbatch: Dbatch, ticks: Path, tmp_path: Path, summary: Summary) -> None:
    dbatch(*RUN)

    replaced = dbatch(*RUN, "--set", "quote_size=7", "--rerun", "--securities", "aaa")

    assert replaced.returncode == 0, replaced.stderr
    assert list(summary(tmp_path / "out").index) == ["AAA"]
    assert not (tmp_path / "out" / "BBB_trades_timeseries.csv").exists()


def test_a_damaged_part_is_computed_again(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    dbatch(*RUN)
    before = contents(tmp_path / "out")
    part = next((tmp_path / "out" / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-40] + bytes(40))

    again = dbatch(*RUN, "--json")

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["computed"] == 1
    assert contents(tmp_path / "out").keys() == before.keys()


def test_editing_the_data_makes_it_another_request(dbatch: Dbatch, ticks: Path) -> None:
    dbatch(*RUN)
    frame = pd.read_parquet(ticks / "bbb.parquet")
    frame.loc[5, "price"] += 0.01
    frame.to_parquet(ticks / "bbb.parquet")

    again = dbatch(*RUN)

    assert again.returncode == 2
    assert "BBB" in again.stderr


@pytest.mark.parametrize(
    "how", [["--serial"], ["--workers", "1"], ["--workers", "2"], ["--chunk-size", "7"], ["--dashboard"]]
)
def test_how_the_work_is_done_changes_no_file(
    dbatch: Dbatch, ticks: Path, tmp_path: Path, summary: Summary, how: list[str]
) -> None:
    dbatch(*RUN)
    dbatch("run", "--strategy", "v1_baseline", "--data", "ticks", "--output-dir", "other", *how)

    for name in ("AAA", "BBB", "CCC"):
        file = f"{name}_trades_timeseries.csv"
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()
    same = ["trades", "realized_pnl", "position", "market_dates", "strategy_dates", "error", "digest"]
    assert summary(tmp_path / "out")[same].equals(summary(tmp_path / "other")[same])


def test_a_dry_run_prints_the_plan_and_writes_nothing(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    planned = dbatch(*RUN, "--dry-run")

    assert planned.returncode == 0
    assert "AAA: quote_size=50000" in planned.stdout
    assert not (tmp_path / "out").exists()


def test_json_tells_the_outcome_on_stdout_and_people_read_stderr(dbatch_process: Dbatch, ticks: Path) -> None:
    finished = dbatch_process(*RUN, "--json")

    told = json.loads(finished.stdout)
    assert told["schema"] == "dbatch.run/1"
    assert [row["security"] for row in told["securities"]] == ["AAA", "BBB", "CCC"]
    assert "3 success" in finished.stderr


def test_progress_as_json_is_a_line_for_every_event(dbatch: Dbatch, ticks: Path) -> None:
    finished = dbatch(*RUN, "--progress", "json")

    events = [json.loads(line) for line in finished.stderr.splitlines() if line.startswith("{")]
    assert events.pop(0)["event"] == "note"
    assert events.pop(0)["text"] == "executor: threads, 3 at a time (auto: compiled loops run side by side)"
    assert [event["event"] for event in events] == ["started", "finished", "finished", "finished"]
    assert events[-1]["done"] == 3


def test_without_data_it_runs_on_the_sample_and_says_so(dbatch: Dbatch, tmp_path: Path) -> None:
    finished = dbatch("run", "--strategy", "v1_baseline", "--no-dashboard")

    assert finished.returncode == 0, finished.stderr
    assert "sample" in finished.stderr
    assert (tmp_path / "output" / "v1_baseline" / "backtest_summary.csv").exists()


def test_parameters_come_from_the_configuration_of_this_folder(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    config = {"default": {"quote_size": 3}, "bbb": {"quote_size": 5}, "ZZZ": {"quote_size": 9}}
    (tmp_path / "configs" / "v1_baseline_config.json").write_text(json.dumps(config))

    planned = dbatch(*RUN, "--dry-run", "--set", "CCC.quote_size=7")

    assert "AAA: quote_size=3 " in planned.stdout
    assert "BBB: quote_size=5 " in planned.stdout
    assert "CCC: quote_size=7 " in planned.stdout


def test_every_wrong_parameter_is_named_at_once(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("AAA: {quote_sise: 5}\nBBB: {max_position: many}\n")

    refused = dbatch(*RUN, "--config", "mine.yaml")

    assert refused.returncode == 2
    assert "AAA.quote_sise" in refused.stderr
    assert "quote_size" in refused.stderr
    assert "BBB.max_position" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_misspelt_strategy_is_one_line_with_a_suggestion(dbatch_process: Dbatch, ticks: Path) -> None:
    refused = dbatch_process("run", "--strategy", "v1_baselin", "--data", "ticks")

    assert refused.returncode == 2
    assert "did you mean" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_only_trades_without_fills_says_why(dbatch: Dbatch, ticks: Path) -> None:
    finished = dbatch(*RUN, "--only-trades")

    assert finished.returncode == 0
    assert "--only-trades hides the quotes" in finished.stderr


def test_dates_cut_the_events_inclusively(dbatch: Dbatch, ticks: Path, tmp_path: Path, summary: Summary) -> None:
    finished = dbatch(*RUN, "--start-date", "2025-04-15", "--end-date", "2025-04-15")

    assert finished.returncode == 0, finished.stderr
    table = summary(tmp_path / "out")
    assert set(table["market_dates"]) == {1}
    assert set(table["rows"]) == {1500}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere"], "nowhere: no such file or folder"),
        (["--data", "empty"], "holds no .parquet, .csv or .xlsx file"),
        (["--data", "notes.txt"], "not a Parquet, CSV or Excel"),
        (["--data", "ticks", "--securities", "AAA,DDD"], "no security 'DDD'"),
        (["--data", "ticks", "--start-date", "14/04/2025"], "--start-date"),
        (["--data", "ticks", "--output-dir", "notes.txt/out"], "notes.txt/out"),
        (["--data", "ticks", "--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler"),
        (["--data", "ticks", "--config", "missing.json"], "missing.json"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    dbatch: Dbatch, ticks: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("nothing")

    refused = dbatch("run", "--strategy", "v1_baseline", *arguments)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_broken_file_is_a_named_failure_and_the_others_finish(
    dbatch: Dbatch, ticks: Path, tmp_path: Path, summary: Summary
) -> None:
    (ticks / "zero.parquet").write_bytes(b"")
    (ticks / "torn.parquet").write_bytes((ticks / "aaa.parquet").read_bytes()[:5_000])
    pd.read_parquet(ticks / "aaa.parquet").drop(columns="price").to_parquet(ticks / "priceless.parquet")
    text = pd.read_parquet(ticks / "aaa.parquet").astype({"price": str})
    text.to_parquet(ticks / "text.parquet")
    pd.read_parquet(ticks / "aaa.parquet").head(0).to_parquet(ticks / "void.parquet")

    finished = dbatch(*RUN)

    assert finished.returncode == 1
    table = summary(tmp_path / "out")
    assert (table.loc[["AAA", "BBB", "CCC"], "status"] == "success").all()
    broken = table.drop(index=["AAA", "BBB", "CCC"])
    assert set(broken["status"]) == {"invalid_data"}
    assert set(broken["trades"]) == {""}
    assert "not readable as Parquet" in broken.loc["ZERO", "error"]
    assert "not readable as Parquet" in broken.loc["TORN", "error"]
    assert "has columns 'timestamp', 'type', 'volume'" in broken.loc["PRICELESS", "error"]
    assert "'price' is" in broken.loc["TEXT", "error"]
    assert "no events" in broken.loc["VOID", "error"]
    assert all(f"{name.lower()}.parquet" in broken.loc[name, "error"] for name in broken.index)


def test_a_folder_in_use_by_another_process_is_refused_with_exit_code_5(
    dbatch_process: Dbatch, ticks: Path, tmp_path: Path
) -> None:
    from dbatch.results.folder import locked

    with locked(tmp_path / "out"):
        refused = dbatch_process(*RUN)

    assert refused.returncode == 5
    assert str(os.getpid()) in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_result_that_cannot_be_written_stops_the_run_and_leaves_no_torn_file(
    dbatch_process: Dbatch, ticks: Path, strategies: Path, tmp_path: Path
) -> None:
    import resource

    frame = pd.read_parquet(ticks / "bbb.parquet")
    pd.concat([frame] * 20).to_parquet(ticks / "bbb.parquet")
    limit = 50_000

    stopped = dbatch_process(
        "run", "--strategy", "counting", "--strategy-path", strategies, "--data", "ticks",
        "--output-dir", "out", "--serial",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip

    assert stopped.returncode == 4, stopped.stderr
    assert "results could not be kept" in stopped.stderr
    assert "go on with: dbatch run" in stopped.stderr
    assert not list((tmp_path / "out").rglob("*.tmp"))
    for part in (tmp_path / "out" / "parts").rglob("*.parquet"):
        pd.read_parquet(part)


def test_every_security_is_run_however_many_there_are(dbatch: Dbatch, ticks: Path, tmp_path: Path) -> None:
    content = (ticks / "aaa.parquet").read_bytes()
    for number in range(40):
        (ticks / f"s{number:02d}.parquet").write_bytes(content)

    finished = dbatch(*RUN, "--workers", "2", "--json")

    assert finished.returncode == 0, finished.stderr
    told = json.loads(finished.stdout)
    assert told["counts"] == {"success": 43}
    assert [row["security"] for row in told["securities"]] == sorted(row["security"] for row in told["securities"])
