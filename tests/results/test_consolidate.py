"""What a batch's derived files say follows from its ledger and parts, and from nothing else."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.errors import OutputError
from dbatch.results import verified
from dbatch.results.consolidate import is_consolidated, read_results, read_summary, summary_of
from dbatch.results.job_table import JOB_KINDS
from dbatch.results.ledger import DERIVED, open_ledger
from dbatch.results.part import receipts_in
from dbatch.schema import JOB_METRIC_COLUMNS, RUN_SUMMARY_COLUMNS

Make = Callable[..., Any]


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return list(table.to_pylist())


def files_of(folder: Path) -> dict[str, bytes]:
    """Return all derived files by their paths."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "parts" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if "ledger" not in path.name}


def test_numbers_of_a_run_of_two_securities(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    other = batches.MadeJob(daily=(1.0, 2.0, -3.0, 0.0, 5.0))  # AAA has 10, -5
    make_batch(tmp_path, [run({"AAA": "success", "BBB": other})])

    consolidated(tmp_path)

    (row,) = rows_of(read_summary(tmp_path))
    # days 11, -3, -3, 0, 5: mean 2, squares 81 + 25 + 25 + 4 + 9 = 144 over 4; falls 9 + 9 over 5
    year = math.sqrt(252)
    assert row == {
        "run_id": "run0",
        "status": "success",
        "strategy": "made_up",
        "params_hash": row["params_hash"],
        "start_date": "2025-04-14",
        "end_date": "2025-04-18",
        "securities": 2,
        "fills": 12,
        "realized_pnl": 10.0,
        "total_pnl": 10.0,
        "sharpe": pytest.approx(2 / 6 * year, rel=1e-12),
        "sortino": pytest.approx(2 / math.sqrt(18 / 5) * year, rel=1e-12),
        "annual_volatility_pct": pytest.approx(6 * year / 1e6 * 100, rel=1e-12),
        "max_dd": 6.0,  # 11 down to 5
        "max_dd_pct": pytest.approx(6 / 1_000_011 * 100, rel=1e-12),
        "win_rate": 4 / 6,
        "round_trips": 6,
        "round_trip_win_rate": 4 / 6,
        "profit_factor": 18 / 8,
        "expectancy": pytest.approx(10 / 6, rel=1e-12),
        "avg_trade_return": pytest.approx((1.0 - 0.5 + 0.1 + 0.2 - 0.3 + 0.5) / 600, rel=1e-12),
        "turnover": 12_010.0,
        "fees": None,
        "runtime_sec": 1.0,
        "error": None,
    }
    assert tuple(row) == RUN_SUMMARY_COLUMNS


@pytest.mark.parametrize(("capitals", "of_run"), [((1_000.0, 3_000.0), 4_000.0), ((1_000.0, None), 1_000_000.0)])
def test_percentages_of_a_run_are_of_the_capitals_of_its_jobs_together(
    tmp_path: Path,
    batches: ModuleType,
    run: Make,
    make_batch: Make,
    consolidated: Make,
    capitals: tuple[float, float | None],
    of_run: float,
) -> None:
    jobs = [batches.MadeJob(daily=daily, capital=own) for daily, own in zip([(10.0, -5.0)] * 2, capitals, strict=True)]
    make_batch(tmp_path, [run({"AAA": "success"}), run({"AAA": jobs[0], "BBB": jobs[1]})])

    consolidated(tmp_path)

    plain, row = rows_of(read_summary(tmp_path))
    deviation = 15 * math.sqrt(2)  # days 20, -10
    assert row["annual_volatility_pct"] == pytest.approx(deviation * math.sqrt(252) / of_run * 100, rel=1e-12)
    assert row["max_dd_pct"] == pytest.approx(10 / (of_run + 20) * 100, rel=1e-12)
    assert plain["max_dd_pct"] == pytest.approx(5 / 1_000_010 * 100, rel=1e-12)
    with_capital, without = ((tmp_path / f"runs/{name}/equity.csv").read_text() for name in ("0001_run1", "0000_run0"))
    assert with_capital.splitlines()[1].endswith(f",20.0,{of_run + 20}")
    assert without.splitlines()[1].endswith(",10.0,1000010.0")


def test_jobs_of_parts_from_before_a_capital_was_kept_have_none(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make
) -> None:
    receipts = make_batch(tmp_path, [run({"AAA": batches.MadeJob(capital=1_000.0)})], unit_jobs=1)
    (receipt,) = receipts.values()
    path = tmp_path / receipt.part
    pq.write_table(pq.read_table(path).drop_columns(["capital", "fees"]), path)

    (found,) = receipts_in(tmp_path, receipt.part)

    assert (found.trades, found.capital) == (receipt.trades, None) == (4, None)


@pytest.mark.parametrize("capital", [None, 5_000.0])
def test_a_run_of_one_security_has_the_numbers_of_its_job_bit_for_bit(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make, capital: float | None
) -> None:
    job = batches.MadeJob(daily=(1 / 3, -0.7, 0.0, 2 / 7, -1 / 9), capital=capital)
    make_batch(tmp_path, [run({"AAA": job})])

    consolidated(tmp_path)

    (row,) = rows_of(read_summary(tmp_path))
    (job,) = rows_of(read_results(tmp_path))
    same = ("realized_pnl", "total_pnl", "sharpe", "sortino", "annual_volatility_pct", "win_rate", "round_trips")
    more = ("round_trip_win_rate", "profit_factor", "expectancy", "turnover", "start_date", "end_date")
    assert {name: row[name] for name in same + more} == {name: job[name] for name in same + more}
    assert (row["fills"], row["avg_trade_return"]) == (job["trades"], job["round_trip_return_pct"] / 100)


def test_jobs_stand_in_the_order_of_runs_and_securities(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    jobs = {"NA": "success", "AAA": "failed"}
    make_batch(tmp_path, [run(jobs, number=11), run(jobs, number=2)])

    consolidated(tmp_path, run_folders=False)

    results = read_results(tmp_path)
    assert tuple(results.column_names) == tuple(JOB_KINDS)
    assert [(row["run"], row["security"]) for row in rows_of(results)] == [
        (2, "AAA"),
        (2, "NA"),
        (11, "AAA"),
        (11, "NA"),
    ]
    assert read_summary(tmp_path).column("run_id").to_pylist() == ["run2", "run11"]


def test_only_a_success_has_results(tmp_path: Path, run: Make, make_batch: Make, consolidated: Make) -> None:
    make_batch(tmp_path, [run({"AAA": "timeout", "BBB": None})])

    consolidated(tmp_path)

    failed, missing = rows_of(read_results(tmp_path))
    results = ("start_date", "trades", "realized_pnl", "turnover", "rows", "digest", *JOB_METRIC_COLUMNS)
    assert [failed[name] for name in results] == [None] * len(results)
    assert (failed["status"], failed["error"], failed["runtime_sec"]) == ("timeout", "timeout!", 0.25)
    assert (missing["status"], missing["error"], missing["runtime_sec"]) == ("cancelled", "not run", None)


@pytest.mark.parametrize(
    ("jobs", "status", "error"),
    [
        ({"AAA": "success", "BBB": "success"}, "success", None),
        ({"AAA": "failed", "BBB": "crashed", "CCC": "crashed"}, "crashed", "BBB: crashed! (and 2 more)"),
        ({"AAA": "timeout", "BBB": "oom"}, "oom", "BBB: oom! (and 1 more)"),
        ({"AAA": "failed", "BBB": "timeout", "CCC": "success"}, "timeout", "BBB: timeout! (and 1 more)"),
        ({"AAA": "invalid_data", "BBB": "failed"}, "failed", "BBB: failed! (and 1 more)"),
        ({"AAA": "skipped", "BBB": "invalid_data"}, "invalid_data", "BBB: invalid_data! (and 1 more)"),
        ({"AAA": None, "BBB": "skipped", "CCC": "success"}, "skipped", "BBB: skipped! (and 1 more)"),
        ({"AAA": "success", "BBB": None}, "cancelled", "BBB: not run"),
        ({}, "cancelled", "no job is planned"),
    ],
)
def test_a_run_has_the_status_and_the_error_of_its_worst_job(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, jobs: Any, status: str, error: str | None
) -> None:
    make_batch(tmp_path, [run(jobs)])

    found = consolidated(tmp_path)

    (row,) = rows_of(read_summary(tmp_path))
    assert (row["status"], row["error"]) == (status, error)
    assert found.runs == {status: 1}
    assert (row["realized_pnl"] is None) == (status != "success")


def test_jobs_of_one_key_are_shown_for_all_their_runs(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    job = batches.MadeJob(key="the same")
    make_batch(tmp_path, [run({"AAA": job}), run({"AAA": job})])

    found = consolidated(tmp_path)

    assert found.jobs == {"success": 2}
    assert read_summary(tmp_path).column("realized_pnl").to_pylist() == [5.0, 5.0]
    assert len(list((tmp_path / "runs").glob("*/AAA_trades_timeseries.csv"))) == 2


@pytest.mark.parametrize(("damage", "said"), [("gone", "is gone"), ("damaged", "is damaged")])
def test_a_success_whose_part_is_not_what_was_published_is_not_shown(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, damage: str, said: str
) -> None:
    receipts = make_batch(tmp_path, [run(), run(), run()])  # two jobs in the first part, one in the second
    part = tmp_path / receipts["run0", "AAA"].part
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.unlink() if damage == "gone" else part.write_bytes(content)

    found = consolidated(tmp_path)

    jobs = rows_of(read_results(tmp_path))
    assert [job["status"] for job in jobs] == ["cancelled", "cancelled", "success"]
    assert jobs[0]["error"] == f"its part {receipts['run0', 'AAA'].part} {said}; 'dbatch resume' computes it again"
    assert jobs[0]["realized_pnl"] is None
    assert found.damaged == tuple(sorted(receipts[name, "AAA"].key for name in ("run0", "run1")))
    assert (found.runs, found.jobs) == ({"cancelled": 2, "success": 1}, {"cancelled": 2, "success": 1})
    manifest = json.loads((tmp_path / "batch_manifest.json").read_text())
    assert manifest["run_results_summary"]["counts"] == {"success": 1, "cancelled": 2}


def test_a_success_in_another_jobs_row_is_not_shown(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    receipts = make_batch(tmp_path, [run(), run()])
    wrong = replace(receipts["run0", "AAA"], row=1)
    with open_ledger(tmp_path) as ledger:
        ledger.forget([wrong.key])
        ledger.commit(wrong)

    assert consolidated(tmp_path).damaged == (wrong.key,)


def test_every_part_is_hashed_once(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = make_batch(tmp_path, [run() for _ in range(5)])
    seen: list[Path] = []
    real = verified.file_hash
    monkeypatch.setattr(verified, "file_hash", lambda path: seen.append(path) or real(path))

    consolidated(tmp_path)

    assert sorted(seen) == sorted({tmp_path / receipt.part for receipt in receipts.values()})


def test_consolidating_twice_gives_the_same_bytes(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run({"AAA": "success", "BBB": "failed"}, parameters={"size": n}) for n in range(3)])
    consolidated(tmp_path)
    before = files_of(tmp_path)

    consolidated(tmp_path)

    assert len(before) == 5 + 3 * 7  # of a run: manifest, log, summary, equity, positions, orders, trades of AAA
    assert files_of(tmp_path) == before


def test_the_summary_that_is_only_asked_for_is_the_one_that_is_written(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run(), run({"AAA": "failed"})])
    with open_ledger(tmp_path) as ledger:
        asked = summary_of(tmp_path, ledger)
    assert not list(tmp_path.glob("batch_summary*"))

    consolidated(tmp_path, run_folders=False)

    assert asked.equals(read_summary(tmp_path))


@pytest.mark.parametrize("change", ["none", "another ledger", "a file cut", "a file gone"])
def test_files_are_known_to_hold_what_the_ledger_says_until_either_changes(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, change: str
) -> None:
    make_batch(tmp_path, [run()])
    consolidated(tmp_path)
    path = tmp_path / "results.parquet"
    if change == "a file gone":
        path.unlink()
    if change == "a file cut":
        path.write_bytes(path.read_bytes()[:-1])

    with open_ledger(tmp_path) as ledger:
        if change == "another ledger":
            ledger.remember(state="running")
        assert is_consolidated(tmp_path, ledger.facts().get(DERIVED)) == (change == "none")


def test_what_is_missing_is_empty_in_csv_and_null_in_json(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    one_day = batches.MadeJob(daily=(3.0,))  # no ratio, and no loss for a profit factor
    make_batch(tmp_path, [run({"AAA": one_day}), run({"AAA": "failed"})])

    consolidated(tmp_path)

    lines = list(csv.DictReader((tmp_path / "batch_summary.csv").read_text().splitlines()))
    assert [lines[0][name] for name in ("sharpe", "profit_factor", "error", "fills")] == ["", "", "", "2"]
    assert lines[1]["realized_pnl"] == ""
    text = (tmp_path / "batch_summary.json").read_text()
    assert "NaN" not in text
    rows = json.loads(text)["runs"]
    assert (rows[0]["sharpe"], rows[0]["max_dd"], rows[1]["realized_pnl"]) == (None, 0.0, None)
    assert rows == rows_of(read_summary(tmp_path))


def test_numbers_that_are_not_finite_are_missing(
    tmp_path: Path, run: Make, make_batch: Make, published: Make, consolidated: Make
) -> None:
    receipts = make_batch(tmp_path, [run()])
    odd = replace(receipts["run0", "AAA"], realized_pnl=math.inf, turnover=math.nan)
    with open_ledger(tmp_path) as ledger:
        ledger.improve(published(tmp_path, odd))

    consolidated(tmp_path)

    (job,) = rows_of(read_results(tmp_path))
    assert (job["realized_pnl"], job["turnover"]) == (None, None)
    for path in tmp_path.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


def test_no_text_in_the_summary_is_a_formula(tmp_path: Path, run: Make, make_batch: Make, consolidated: Make) -> None:
    make_batch(tmp_path, [run({"=A1": "failed"})])

    consolidated(tmp_path)

    (line,) = csv.DictReader((tmp_path / "batch_summary.csv").read_text().splitlines())
    assert line["error"] == "'=A1: failed!"
    assert read_summary(tmp_path).column("error").to_pylist() == ["=A1: failed!"]


def test_half_a_surrogate_pair_in_an_error_is_escaped(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    job = batches.MadeJob("failed", error="no file \udcff", details="é \udcff", output="\udcff")
    make_batch(tmp_path, [run({"AAA": job})])

    consolidated(tmp_path)

    assert read_summary(tmp_path).column("error").to_pylist() == ["AAA: no file \\udcff"]
    assert json.loads((tmp_path / "batch_summary.json").read_text())["runs"][0]["error"] == "AAA: no file \udcff"
    assert "é \\udcff" in (tmp_path / "runs" / "0000_run0" / "run.log").read_text(encoding="utf-8")


def test_parameters_that_vary_are_columns_of_their_own_type(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    first = {"size": 1, "ratio": 1, "on": True, "mode": "a", "list": [1], "mixed": 1, "same": 5}
    second = {"size": 2, "ratio": 2.5, "on": False, "mode": "b", "list": [2], "mixed": "x", "same": 5, "AAA.late": 3}
    make_batch(tmp_path, [run(parameters=first), run({"AAA": "success", "BBB": "success"}, parameters=second)])

    consolidated(tmp_path)

    results = read_results(tmp_path)
    found = {name: str(results.schema.field(name).type) for name in results.column_names if name.startswith("param.")}
    assert found == {
        "param.size": "int64",
        "param.ratio": "double",
        "param.on": "bool",
        "param.mode": "string",
        "param.list": "string",
        "param.mixed": "string",
        "param.AAA.late": "int64",
    }
    assert results.column("param.list").to_pylist() == ["[1]", "[2]", "[2]"]
    assert results.column("param.mixed").to_pylist() == ["1", "x", "x"]
    assert results.column("param.AAA.late").to_pylist() == [None, 3, 3]


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"results\.parquet: not readable .*'dbatch merge"):
        read_results(tmp_path)


def test_consolidating_imports_no_pandas(tmp_path: Path, run: Make, make_batch: Make) -> None:
    make_batch(tmp_path, [run(parameters={"size": n}) for n in range(2)])
    code = (
        "import sys; from pathlib import Path; from dbatch.results.consolidate import consolidate, result_digest;"
        "from dbatch.results.ledger import open_ledger; folder = Path(sys.argv[1])\n"
        "with open_ledger(folder) as ledger: consolidate(folder, ledger)\n"
        "result_digest(folder); print('pandas' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
