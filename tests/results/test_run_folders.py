"""The folders of a batch's runs: whole, in step with the ledger, and nobody else's files touched."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbatch.engine.fills import fill_table
from dbatch.errors import StorageError
from dbatch.results.export import export_summary, trades_csv

Make = Callable[..., Any]
TRADES = "AAA_trades_timeseries.csv"


@pytest.fixture
def one_run(tmp_path: Path, run: Make, make_batch: Make, consolidated: Make) -> Path:
    """The folder of the only run of a batch, which has one success."""
    make_batch(tmp_path, [run()])
    consolidated(tmp_path)
    return tmp_path / "runs" / "0000_run0"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def manifest_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run_manifest.json").read_text()))


def test_a_folder_is_named_by_number_and_id(tmp_path: Path, run: Make, make_batch: Make, consolidated: Make) -> None:
    make_batch(tmp_path, [run(number=7, run_id="size_5"), run(number=12_345, run_id="a-b")])

    consolidated(tmp_path)

    assert names_in(tmp_path / "runs") == ["0007_size_5", "12345_a-b"]


def test_the_manifest_of_a_run_tells_what_was_asked_and_each_job(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    receipts = make_batch(tmp_path, [run({"AAA": "success", "BBB": "oom"}, parameters={"size": 5})])
    consolidated(tmp_path)

    folder = tmp_path / "runs" / "0000_run0"
    manifest = manifest_of(folder)
    assert manifest["schema"] == "dbatch.batch_run/1"
    assert (manifest["run_id"], manifest["run_index"], manifest["batch_name"]) == ("run0", 0, "nightly")
    assert (manifest["status"], manifest["error"], manifest["runtime_sec"]) == ("oom", "BBB: oom!", 0.75)
    assert manifest["git_commit_hash"] == "abc1234"
    assert manifest["run_spec"]["parameters"] == {"size": 5}
    assert manifest["artifacts"] == names_in(folder)
    good, bad = manifest["jobs"]
    receipt = receipts["run0", "AAA"]
    assert (good["security"], good["status"], good["digest"]) == ("AAA", "success", receipt.digest)
    assert (good["part"], good["row"], good["sharpe"]) == (receipt.part, receipt.row, receipt.metrics["sharpe"])
    assert (bad["security"], bad["status"], bad["error"], bad["part"]) == ("BBB", "oom", "oom!", None)


def test_the_log_has_a_line_for_each_job_and_what_failed_ones_left(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    failed = batches.MadeJob("failed", error="ValueError: no", details="Traceback:\n  boom\n", output="said this\n")
    noted = batches.MadeJob(notes=("2 rows skipped",))
    make_batch(tmp_path, [run({"AAA": noted, "BBB": failed, "CCC": None})])

    consolidated(tmp_path)

    assert (tmp_path / "runs" / "0000_run0" / "run.log").read_text().splitlines() == [
        "run 0 run0: failed",
        "AAA success: 4 fills (0.500 s)",
        "AAA note: 2 rows skipped",
        "BBB failed: ValueError: no (0.250 s)",
        "CCC cancelled: not run",
        "",
        "--- BBB: traceback",
        "Traceback:",
        "  boom",
        "",
        "--- BBB: output",
        "said this",
    ]


def test_kept_fills_are_written_as_one_run_writes_them(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    job = batches.MadeJob(daily=(1.0, -2.0, 3.0))
    receipts = make_batch(tmp_path, [run({"AAA": job, "BBB": "failed"}), run({"AAA": "success"})], unit_jobs=3)

    consolidated(tmp_path)

    folder = tmp_path / "runs" / "0000_run0"
    assert (folder / TRADES).read_bytes() == trades_csv(fill_table(batches.fills_of(job)))
    export_summary(tmp_path, [receipts["run0", "AAA"], receipts["run0", "BBB"]])
    assert (folder / "backtest_summary.csv").read_bytes() == (tmp_path / "backtest_summary.csv").read_bytes()


def test_without_fills_there_are_only_manifest_and_log(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run()], keep_fills=False)

    consolidated(tmp_path)

    assert names_in(tmp_path / "runs" / "0000_run0") == ["run.log", "run_manifest.json"]


def test_the_name_of_a_security_that_no_file_could_have_is_replaced(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run({"A/B": "success", "../evil": "success"})])  # the inputs tell a name for the first

    consolidated(tmp_path)

    trades = [name for name in names_in(tmp_path / "runs" / "0000_run0") if name.endswith("timeseries.csv")]
    assert trades == ["A-B-1234_trades_timeseries.csv", "security-2d6afc71_trades_timeseries.csv"]


def test_a_run_that_says_the_same_is_not_written_again(tmp_path: Path, one_run: Path, consolidated: Make) -> None:
    before = {path.name: path.stat().st_ino for path in one_run.iterdir()}

    consolidated(tmp_path)

    assert {path.name: path.stat().st_ino for path in one_run.iterdir()} == before


@pytest.mark.parametrize("name", [TRADES, "run.log", "backtest_summary.csv", "run_manifest.json"])
def test_a_file_that_somebody_took_away_comes_back(
    tmp_path: Path, one_run: Path, consolidated: Make, name: str
) -> None:
    content = (one_run / name).read_bytes()
    (one_run / name).unlink()

    consolidated(tmp_path)

    assert (one_run / name).read_bytes() == content


@pytest.mark.parametrize("name", ["run.log", "backtest_summary.csv", "run_manifest.json"])
def test_a_file_that_somebody_changed_is_put_right(
    tmp_path: Path, one_run: Path, consolidated: Make, name: str
) -> None:
    content = (one_run / name).read_bytes()
    (one_run / name).write_bytes(content[:-1] + b"!")

    consolidated(tmp_path)

    assert (one_run / name).read_bytes() == content


def test_what_a_run_lost_goes_from_its_folder(
    tmp_path: Path, one_run: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    (one_run / "notes.txt").write_text("mine")
    next((tmp_path / "parts").rglob("*.parquet")).unlink()

    consolidated(tmp_path)

    assert names_in(one_run) == ["notes.txt", "run.log", "run_manifest.json"]
    assert manifest_of(one_run)["artifacts"] == ["run.log", "run_manifest.json"]
    assert manifest_of(one_run)["status"] == "cancelled"


def test_a_run_that_succeeds_later_gets_its_fills(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run({"AAA": "timeout"}), run()])
    consolidated(tmp_path)
    make_batch(tmp_path, [run(), run()])

    consolidated(tmp_path)

    assert TRADES in names_in(tmp_path / "runs" / "0000_run0")
    assert manifest_of(tmp_path / "runs" / "0000_run0")["status"] == "success"


def test_folders_of_runs_that_are_no_longer_planned_go_and_nothing_else(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run(), run(), run()])
    consolidated(tmp_path)
    runs = tmp_path / "runs"
    (runs / "0001_run1" / "notes.txt").write_text("mine")
    (runs / "0009_mine").mkdir()
    (runs / "mine").mkdir()
    (runs / "readme").write_text("mine")
    make_batch(tmp_path, [run()])

    consolidated(tmp_path)

    assert names_in(runs) == ["0000_run0", "0001_run1", "0009_mine", "mine", "readme"]
    assert names_in(runs / "0001_run1") == ["notes.txt"]


def test_what_a_killed_driver_left_beside_is_swept(tmp_path: Path, one_run: Path, consolidated: Make) -> None:
    for staging in (tmp_path / ".runs.new", tmp_path / "runs" / ".new"):
        (staging / "0000_run0").mkdir(parents=True)
        (staging / "0000_run0" / "run.log").write_text("torn")

    consolidated(tmp_path)

    assert not list(tmp_path.rglob("*.new"))
    assert names_in(tmp_path / "runs") == ["0000_run0"]


def test_a_full_disk_leaves_no_folder_of_a_run_behind(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_batch(tmp_path, [run(), run()])
    real, left = os.write, [3]

    def write(handle: int, content: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, content)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(StorageError, match="No space left on device"):
            consolidated(tmp_path)

    assert [path.name for path in tmp_path.iterdir() if "run" in path.name] == []
    consolidated(tmp_path)
    assert len(names_in(tmp_path / "runs" / "0001_run1")) == 7


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_kill_between_two_files_of_a_folder_is_made_good(
    tmp_path: Path, run: Make, make_batch: Make, consolidated: Make, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    make_batch(tmp_path, [run({"AAA": "timeout"})])
    consolidated(tmp_path)
    make_batch(tmp_path, [run()])
    real, left = os.replace, [moved]

    def replace(source: str, target: str) -> None:
        if "/.new/" in str(source):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            consolidated(tmp_path)
    folder = tmp_path / "runs" / "0000_run0"
    assert manifest_of(folder)["status"] == "timeout"

    consolidated(tmp_path)

    assert manifest_of(folder)["status"] == "success"
    assert manifest_of(folder)["artifacts"] == names_in(folder)


def test_a_batch_that_went_on_without_folders_keeps_those_it_had(
    tmp_path: Path, one_run: Path, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run(), run()])

    consolidated(tmp_path, run_folders=False)

    assert names_in(tmp_path / "runs") == ["0000_run0"]
