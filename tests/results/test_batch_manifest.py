"""The manifest tells what was asked of a batch and how it ended, the summary its first errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dbatch.results.consolidate import read_results, read_summary, result_digest

Make = Callable[..., Any]


def manifest_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "batch_manifest.json").read_text()))


def test_the_manifest_tells_what_was_asked_and_how_it_ended(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    make_batch(tmp_path, [run(parameters={"size": 1}), run({"AAA": "oom", "BBB": None}, parameters={"size": 2})])

    consolidated(tmp_path)

    manifest = manifest_of(tmp_path)
    assert (manifest["schema"], manifest["batch_name"], manifest["status"]) == ("dbatch.batch/1", "nightly", "finished")
    assert (manifest["created_at"], manifest["total_runtime_sec"]) == (manifest["started_at"], 90.5)
    assert (manifest["git_commit_hash"], manifest["git_dirty"], manifest["seed"]) == ("abc1234", True, 7)
    assert manifest["run_results_summary"] == {
        "total_runs": 2,
        "success_count": 1,
        "failed_count": 1,
        "skipped_count": 0,
        "counts": {"success": 1, "oom": 1},
        "run_ids": ["run0", "run1"],
    }
    assert manifest["jobs"] == {"planned": 3, "counts": {"success": 1, "cancelled": 1, "oom": 1}, "attempts": 2}
    first = manifest["expanded_runs"][0]
    assert (first["run_id"], first["index"], first["strategy"], first["tags"]) == ("run0", 0, "made_up", ["test"])
    assert [one["parameters"] for one in manifest["expanded_runs"]] == [{"size": 1}, {"size": 2}]
    lines = (tmp_path / "batch_manifest.json").read_text().splitlines()
    assert sum('"index":' in line for line in lines) == 2


def test_the_first_errors_are_told_with_how_many_runs_had_them(
    tmp_path: Path, batches: ModuleType, run: Make, make_batch: Make, consolidated: Make
) -> None:
    errors = ["a", "b", "a", "c", "d", "e", "f"]
    make_batch(tmp_path, [run({"AAA": batches.MadeJob("failed", error=error)}) for error in errors])

    consolidated(tmp_path, run_folders=False)

    summary = json.loads((tmp_path / "batch_summary.json").read_text())
    assert summary["error_summary"] == [
        {"error": f"AAA: {error}", "runs": 2 if error == "a" else 1} for error in ("a", "b", "c", "d", "e")
    ]
    assert (summary["total_runs"], summary["failed_count"]) == (7, 7)


def test_a_ledger_without_facts_or_runs_gives_empty_files(tmp_path: Path, consolidated: Make) -> None:
    found = consolidated(tmp_path)

    assert (found.runs, found.jobs, found.damaged) == ({}, {}, ())
    assert (len(read_results(tmp_path)), len(read_summary(tmp_path))) == (0, 0)
    assert (manifest_of(tmp_path)["batch_name"], manifest_of(tmp_path)["expanded_runs"]) == (None, [])
    assert len(result_digest(tmp_path)) == 64
