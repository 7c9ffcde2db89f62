"""`dbatch list` and `dbatch rm`: the history of batches, and its end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import LockedError, OutputError
from dbatch.looking.history import history
from dbatch.results.folder import locked
from dbatch.upkeep.remove import removal, remove

Run = Callable[..., Any]


@pytest.fixture
def root(batches: Any, write_batch: Run, tmp_path: Path) -> Path:
    """Three batches below `root`: two of the study "nightly", one day after the other, and one of another."""

    def made(name: str, day: int, daily: tuple[float, ...], study: str) -> None:
        batch = {"batch_name": name, "run_tag": "eu_desk", "document": {"batch_name": study}}
        facts = {"batch": batch, "started_at": f"2025-05-0{day}T22:00:00.000+00:00", "options": {"tags": ["k=v"]}}
        run = batches.MadeRun({"A": batches.MadeJob(daily=daily)})
        write_batch(tmp_path / "root" / name, [run], facts=facts)

    made("deep/second", 2, (1.0, 2.0, 3.0), "nightly")
    made("first", 1, (1.0, 2.0, 2.0), "nightly")
    made("other", 3, (1.0, -1.0, 3.0), "weekly")
    return tmp_path / "root"


def test_batches_are_listed_oldest_first_with_the_change_within_their_study(root: Path) -> None:
    entries, faults = history(root)

    assert faults == []
    assert [(entry.folder.name, entry.study) for entry in entries] == [
        ("first", "nightly"),
        ("second", "nightly"),
        ("other", "weekly"),
    ]
    first, second, other = entries
    assert (first.change, other.change) == (None, None)
    # Sample Sharpe ratios: mean/sd = (5/3)/sqrt(1/3) and 2/1, times sqrt(252).
    assert first.best_sharpe == pytest.approx(5 / 3 / (1 / 3) ** 0.5 * 252**0.5)
    assert second.change == pytest.approx(2 * 252**0.5 - 5 / 3 / (1 / 3) ** 0.5 * 252**0.5)
    assert first.tags == ("eu", "desk", "k=v")
    assert (first.runs, first.succeeded, first.unsuccessful, first.best_run) == (1, 1, 0, "run0")


def test_a_study_alone_can_be_listed(root: Path, dbatch: Run) -> None:
    listed = json.loads(dbatch("list", root, "--study", "weekly", "--json").stdout)

    assert listed["schema"] == "dbatch.list/1"
    assert [batch["folder"] for batch in listed["batches"]] == [str(root / "other")]


def test_a_ledger_that_cannot_be_read_is_a_note_and_hides_no_other(root: Path, dbatch: Run) -> None:
    (root / "other" / "ledger.sqlite").write_bytes(b"no ledger at all")

    listed = dbatch("list", root)

    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == 3
    assert "not a readable ledger" in listed.stderr


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        history(tmp_path / "nowhere")


def test_what_dbatch_wrote_is_removed_and_the_folder_with_it(root: Path, dbatch: Run) -> None:
    removed = dbatch("rm", root / "first", root / "other", "--yes")

    assert removed.returncode == 0, removed.stderr
    assert sorted(os.listdir(root)) == ["deep"]


def test_what_dbatch_did_not_write_stays_and_is_named(root: Path) -> None:
    (root / "first" / "notes.txt").write_text("mine")
    (root / "first" / "runs" / "0000_run0" / "notes.txt").write_text("mine")
    (root / "keep").mkdir()
    (root / "keep" / "data").write_text("mine")
    (root / "first" / "exports").symlink_to(root / "keep")

    left = remove(root / "first").left

    assert left == ("exports", "notes.txt", "runs")
    assert [path.name for path in (root / "first" / "runs").rglob("*")] == ["0000_run0", "notes.txt"]
    assert (root / "keep" / "data").exists()


def test_nothing_is_removed_without_a_yes_when_nobody_can_be_asked(root: Path, dbatch: Run) -> None:
    removed = dbatch("rm", root / "first")

    assert removed.returncode == 2
    assert "--yes" in removed.stderr
    assert (root / "first" / "ledger.sqlite").exists()


def test_a_dry_run_removes_nothing(root: Path, dbatch: Run) -> None:
    assert "nothing was removed" in dbatch("rm", root / "first", "--dry-run").stderr
    assert removal(root / "first").runs == 1


def test_one_fault_and_none_of_several_is_removed(root: Path, dbatch: Run) -> None:
    assert dbatch("rm", root / "first", root / "nowhere", "--yes").returncode == 2
    assert (root / "first" / "ledger.sqlite").exists()


def test_a_batch_whose_driver_is_at_work_is_not_removed(root: Path) -> None:
    with locked(root / "first"), pytest.raises(LockedError):
        remove(root / "first")
    assert (root / "first" / "ledger.sqlite").exists()
