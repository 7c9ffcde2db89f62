"""What the pages of batches and runs are given to show, without a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.errors import OutputError, UsageError
from dbatch.looking.plot import Place, place_of
from dbatch.looking.prices import prices
from dbatch.looking.tables import read_tables
from dbatch.model import Security, Source
from dbatch.report.batch import batch_document
from dbatch.report.pack import floats, safe_json, words
from dbatch.report.page import page
from dbatch.report.rows import packed, runs_of
from dbatch.report.run import run_document
from dbatch.report.trouble import causes
from dbatch.report.verdict import verdict
from dbatch.report.write import write_report
from dbatch.statistics.of_batch import batch_statistics
from dbatch.statistics.tables import BatchStatistics, SplitResults
from dbatch.statistics.written import write_statistics
from dbatch.upkeep.remove import remove

Run = Callable[..., Any]


def unpacked(found: dict[str, str]) -> list[float]:
    ((kind, content),) = found.items()
    return [float(value) for value in np.frombuffer(base64.b64decode(content), f"<{kind}")]


@pytest.fixture(scope="module")
def document(grid: Path) -> dict[str, Any]:
    return batch_document(grid)


@pytest.fixture(scope="module")
def statistics(grid: Path) -> BatchStatistics:
    return batch_statistics(grid)


def test_numbers_come_back_and_missing_ones_are_nan() -> None:
    assert unpacked(floats([1.5, -2.0])) == [1.5, -2.0]
    assert np.isnan(unpacked(floats([None]))[0])
    assert unpacked(floats([1_745_000_000.25], "f8")) == [1_745_000_000.25]


def test_texts_are_stored_once_each() -> None:
    found = words(["b", 2, None, "b"])

    assert found["values"] == [2, "b", None]
    assert unpacked(found["codes"]) == [1.0, 0.0, 2.0, 1.0]


def test_no_text_ends_the_script_that_holds_it() -> None:
    text = "</script><!-- & \u2028\u2029"

    content = safe_json({text: text})

    assert not re.search(rb"[<>&]|\xe2\x80[\xa8\xa9]", content)
    assert json.loads(content) == {text: text}


def test_a_title_is_no_markup() -> None:
    assert b"<title>&lt;b&gt;x" in page("batch", "<b>x", {})


def test_a_page_names_no_address(grid: Path, tmp_path: Path) -> None:
    content = write_report(grid, tmp_path / "report.html").read_text(encoding="utf-8")

    assert set(re.findall(r"https?://[^\"'` ]*", content)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in content
    assert "unsafe-inline" not in content


def test_the_best_come_first_and_equal_results_once(document: dict[str, Any]) -> None:
    sharpe = next(one for one in document["runs"]["metrics"] if one["name"] == "sharpe")
    values = [value for value in unpacked(sharpe["data"]) if not np.isnan(value)]

    assert len(document["best"]) == 11
    assert document["best"][0]["varying"]["size"] == 2
    assert values[0] == max(values)


def test_runs_with_equal_results_are_counted(tmp_path: Path, batches: Any, write_batch: Run) -> None:
    job = batches.MadeJob(daily=(1.0, 2.0, -1.0))
    folder = write_batch(tmp_path / "b", [batches.MadeRun({"A": job}, parameters={"x": x}) for x in range(3)])

    found = batch_document(folder)["best"]

    assert [(one["run"], one["same"]) for one in found] == [(0, 3)]


def test_a_page_of_too_many_runs_has_the_best_half_and_some_others(grid: Path, statistics: BatchStatistics) -> None:
    runs = runs_of(read_tables(grid), statistics)

    found = packed(runs, most=6)

    assert found["total"] == 12
    assert unpacked(found["numbers"])[:3] == [float(place) for place in runs.order[:3]]
    assert unpacked(found["numbers"])[-1] == float(runs.order[-1])


def test_curves_are_the_daily_pnl_of_each_security(document: dict[str, Any], batches: Any) -> None:
    (curve,) = [one for one in document["curves"]["runs"] if one["run"] == 9]

    assert [one["name"] for one in curve["securities"]] == ["AAA", "BBB"]
    assert unpacked(curve["securities"][0]["pnl"])[:3] == [-6.0, 1.0, 8.0]  # 2 + (7 day + 3) % 23 - 11
    assert unpacked(document["curves"]["days"])[0] == float(batches.FIRST_DAY)


def test_a_curve_begins_with_the_capital_of_its_run(tmp_path: Path, batches: Any, write_batch: Run) -> None:
    made = [
        batches.MadeRun({"A": batches.MadeJob(daily=(10.0, -place), capital=capital)})
        for place, capital in enumerate((None, 5_000.0))
    ]
    folder = write_batch(tmp_path / "b", [*made, batches.MadeRun({"A": "failed"})])

    curves = {one["run"]: one["capital"] for one in batch_document(folder)["curves"]["runs"]}

    assert curves == {0: 1_000_000.0, 1: 5_000.0}
    assert run_document(place_of(folder, "run1"))["days"]["capital"] == 5_000.0


def test_a_run_is_wholly_like_itself(document: dict[str, Any]) -> None:
    assert [row[place] for place, row in enumerate(document["likeness"])] == [1.0] * 11


def test_pnl_by_hour_is_that_of_kept_fills(document: dict[str, Any]) -> None:
    best = document["best"][0]
    earned = next(one for one in document["curves"]["runs"] if one["run"] == best["run"])
    total = sum(sum(unpacked(one["pnl"])) for one in earned["securities"])

    assert best["hours"][12] == pytest.approx(total)
    assert sum(best["hours"]) == best["hours"][12]


def test_failures_alike_are_one_cause_with_examples(tmp_path: Path, batches: Any, write_batch: Run) -> None:
    jobs = {name: batches.MadeJob("failed", error=f"{name}: row {row} is bad") for row, name in enumerate("AB")}
    runs = [batches.MadeRun(jobs), batches.MadeRun({"A": batches.MadeJob("oom", error="over 5 MiB"), "B": None})]
    folder = write_batch(tmp_path / "b", runs)

    found = causes(read_tables(folder).jobs)

    assert [(one["status"], one["error"], one["count"], one["runs"]) for one in found] == [
        ("failed", "SECURITY: row N is bad", 2, 1),
        ("oom", "over 5 MiB", 1, 1),
    ]
    assert found[0]["examples"][1] == {"run": 0, "run_id": "run0", "security": "B"}


def test_a_batch_without_any_success_has_a_report(tmp_path: Path, batches: Any, write_batch: Run) -> None:
    folder = write_batch(tmp_path / "b", [batches.MadeRun({"A": "failed"}), batches.MadeRun({"A": None})])

    found = batch_document(folder)

    assert found["best"] == []
    assert found["verdict"]["level"] == "unknown"
    assert found["counts"]["jobs"] == {"failed": 1, "pending": 1}


def test_written_statistics_are_shown_and_stale_ones_are_not(
    tmp_path: Path, grid: Path, statistics: BatchStatistics
) -> None:
    folder = shutil.copytree(grid, tmp_path / "b")
    write_statistics(folder, replace(statistics, discoveries=77))
    shown = batch_document(folder)["statistics"]["discoveries"]
    write_statistics(folder, replace(statistics, discoveries=77, state="older"))

    assert shown == 77
    assert batch_document(folder)["statistics"]["discoveries"] == statistics.discoveries


def believed(found: BatchStatistics, dsr: float | None, pbo: float) -> BatchStatistics:
    assert found.best is not None
    best = replace(
        found.best,
        dsr=dsr,
        psr=0.99,
        sharpe=3.0,
        sharpe_low=1.0,
        sharpe_high=5.0,
        min_trl_days=20.0,
        min_btl_years=0.01,
    )
    return replace(found, best=best, expected_maximum=1.0, splits=SplitResults(pbo, 1.0, 0.0, 16, 40, 11))


@pytest.mark.parametrize(
    ("dsr", "pbo", "level"),
    [(0.97, 0.1, "good"), (0.97, 0.3, "doubtful"), (0.97, 0.6, "doubtful"), (0.90, 0.1, "bad"), (None, 0.1, "unknown")],
)
def test_a_verdict_follows_from_dsr_and_what_speaks_against_it(
    statistics: BatchStatistics, dsr: float | None, pbo: float, level: str
) -> None:
    assert verdict(believed(statistics, dsr, pbo)).level == level


def test_too_few_days_are_said_to_be(tmp_path: Path, batch: Path) -> None:
    found = batch_document(batch)["verdict"]

    assert found["level"] == "unknown"
    assert "Sharpe ratio over enough days" in found["sentence"]


def test_a_run_has_its_fills_by_security(grid: Path) -> None:
    found = run_document(Place(grid, "s2_t0"))
    first = found["securities"][0]

    assert [one["name"] for one in found["securities"]] == ["AAA", "BBB"]
    assert unpacked(first["sides"])[:2] == [1.0, -1.0]
    assert unpacked(first["prices"])[:2] == pytest.approx([10.0, 9.91])
    assert found["varying"] == {"size": 2, "stop": 0}


def test_prices_are_drawn_only_of_the_data_that_the_run_saw(tmp_path: Path) -> None:
    from dbatch.data.read import fingerprint

    path = tmp_path / "abc.csv"
    path.write_text("timestamp,type,price,volume\n2025-04-14 10:00:00,trade,5.0,1\n", encoding="utf-8")
    security = Security("ABC", "abc", Source("csv", (str(path),)))
    then = fingerprint(security.source)

    assert prices(security, then, 20_192, 20_192, 1).values.tolist() == [5.0]
    assert prices(security, then, 20_193, 20_199, 1).values.tolist() == []
    assert "has changed" in prices(security, "another", 20_192, 20_192, 1).note
    assert "too many" in prices(security, then, 20_192, 20_192, 10**9).note
    path.unlink()
    assert "cannot be read" in prices(security, then, 20_192, 20_192, 1).note


def test_the_command_writes_a_batch_or_a_run(dbatch: Run, batch: Path, tmp_path: Path) -> None:
    whole = dbatch("report", batch, "-o", "whole.html")
    one = dbatch("report", batch, "--run", "size_20", "-o", "one.html")
    folder = next((batch / "runs").glob("*size_10"))
    named = dbatch("report", folder, "-o", "named.html")

    assert [run.returncode for run in (whole, one, named)] == [0, 0, 0], whole.stderr + one.stderr + named.stderr
    assert whole.stdout.strip() == "whole.html"
    titles = [re.search("<title>(.*?)</title>", (tmp_path / f"{name}.html").read_text()) for name in ("one", "named")]
    assert [title[1] for title in titles if title] == ["size_20 · dbatch", "size_10 · dbatch"]


def test_reports_go_with_their_batch(tmp_path: Path, grid: Path) -> None:
    folder = shutil.copytree(grid, tmp_path / "b")
    assert write_report(folder) == folder / "report.html"
    assert write_report(folder, run="s0_t1") == folder / "report-1.html"

    assert remove(folder).left == ()
    assert not folder.exists()


def test_what_is_no_batch_and_no_run_is_refused(tmp_path: Path, batch: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        write_report(tmp_path / "none")
    with pytest.raises(OutputError, match="holds no batch"):
        write_report(tmp_path)
    with pytest.raises(UsageError, match="has no run 'nope'"):
        write_report(batch, run="nope")
