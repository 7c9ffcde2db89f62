"""`dbatch health`: the latest batch judged, by exit code."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.results.consolidate import consolidate
from dbatch.results.ledger import open_ledger
from dbatch.upkeep.health_report import Health, Record, check_health

MakeBatch = Callable[..., Path]
Run = Callable[..., Any]


@pytest.fixture
def whole(make_batch: MakeBatch) -> Callable[..., Path]:
    """Make a batch with all its files below `root`, its manifest changed `age` seconds ago."""

    def make(name: str = "root/batch", *, age: float = 0.0, **facts: Any) -> Path:
        folder = make_batch(name, **facts)
        with open_ledger(folder) as ledger:
            consolidate(folder, ledger)
        now = time.time()
        os.utime(folder / "batch_manifest.json", (now - age, now - age))
        return folder

    return make


def failing(runs: int, of: int) -> dict[str, Any]:
    errors = {(run, "AAA"): "timeout: over 5 s" if run % 2 else "failed: no" for run in range(runs)}
    return {"runs": range(of), "errors": errors, "state": "failed", "total": of}


def statuses(found: Health) -> dict[str, str]:
    return {record.name: record.status for record in found.records}


def test_a_batch_that_succeeded_is_ok(whole: Run, tmp_path: Path) -> None:
    whole()

    found = check_health(tmp_path / "root")

    assert set(statuses(found).values()) == {"OK"}
    assert found.exit_code == 0


@pytest.mark.parametrize(
    ("failed", "latest", "rate", "code"),
    [
        (1, "WARN", "OK", 1),
        (2, "WARN", "OK", 1),
        (3, "WARN", "WARN", 1),
        (5, "WARN", "CRITICAL", 2),
        (10, "CRITICAL", "CRITICAL", 2),
    ],
)
def test_every_unsuccessful_status_counts_as_a_failure(
    whole: Run, tmp_path: Path, failed: int, latest: str, rate: str, code: int
) -> None:
    whole(**failing(failed, of=10))

    found = check_health(tmp_path / "root")

    assert (statuses(found)["batch_latest_status"], statuses(found)["batch_failure_rate"]) == (latest, rate)
    assert found.exit_code == code


def test_the_rate_that_is_well_can_be_set(whole: Run, tmp_path: Path) -> None:
    whole(**failing(3, of=10))

    assert statuses(check_health(tmp_path / "root", most=0.3))["batch_failure_rate"] == "OK"


def test_the_latest_batch_is_judged_and_no_other(whole: Run, tmp_path: Path) -> None:
    whole("root/old", age=100.0, **failing(10, of=10))
    whole("root/new")

    found = check_health(tmp_path / "root")

    assert found.latest == tmp_path / "root" / "new"
    assert found.exit_code == 0


def test_a_missing_root_is_a_warning_or_skipped(tmp_path: Path) -> None:
    assert check_health(tmp_path / "no").exit_code == 1
    skipped = check_health(tmp_path / "no", skip_if_missing=True)
    assert (skipped.status, skipped.exit_code) == ("SKIP", 0)


def test_a_root_without_batches_is_a_warning(tmp_path: Path) -> None:
    assert statuses(check_health(tmp_path)) == {"batch_root_exists": "OK", "batch_directories_found": "WARN"}


def test_missing_run_folders_are_told_by_their_exact_names(whole: Run, tmp_path: Path) -> None:
    folder = whole(runs=range(11), total=11)
    (folder / "runs" / "0001_size_1" / "run_manifest.json").unlink()  # 0010_size_10 stands for nobody else

    found = {record.name: record for record in check_health(tmp_path / "root").records}

    assert found["batch_missing_manifests"].status == "WARN"
    assert "0001_size_1" in found["batch_missing_manifests"].value


def test_an_old_batch_is_a_warning_where_a_limit_is_set(whole: Run, tmp_path: Path) -> None:
    whole(age=7200.0)

    assert statuses(check_health(tmp_path / "root"))["batch_age"] == "OK"
    assert statuses(check_health(tmp_path / "root", max_age=3600.0))["batch_age"] == "WARN"
    assert statuses(check_health(tmp_path / "root", max_age=10_800.0))["batch_age"] == "OK"


def test_a_batch_that_nobody_goes_on_with_is_a_warning(whole: Run, tmp_path: Path) -> None:
    whole(done=range(3), state="running")

    assert statuses(check_health(tmp_path / "root"))["batch_finished"] == "WARN"


def test_a_ledger_that_cannot_be_read_cannot_be_judged(whole: Run, tmp_path: Path) -> None:
    (whole() / "ledger.sqlite").write_bytes(b"damaged" * 1000)

    found = check_health(tmp_path / "root")

    assert (found.status, found.exit_code) == ("UNKNOWN", 3)


@pytest.mark.parametrize(
    ("records", "status"),
    [
        (["OK", "WARN", "CRITICAL", "UNKNOWN"], "CRITICAL"),
        (["OK", "WARN", "UNKNOWN"], "UNKNOWN"),
        (["OK", "WARN", "SKIP"], "WARN"),
        (["OK", "SKIP"], "OK"),
        (["SKIP", "SKIP"], "SKIP"),
        ([], "OK"),
    ],
)
def test_the_worst_record_decides(records: list[Any], status: str) -> None:
    assert Health(Path(), None, tuple(Record("c", one, "", "") for one in records)).status == status


def test_the_command_writes_both_summaries_and_ends_with_the_code(whole: Run, tmp_path: Path, dbatch: Run) -> None:
    whole(**failing(5, of=10))

    shown = dbatch("health", "--batch-root", tmp_path / "root", "--json")

    document = json.loads(shown.stdout)
    assert (shown.returncode, document["schema"], document["status"]) == (2, "dbatch.health/1", "CRITICAL")
    assert json.loads((tmp_path / "root" / "health_summary.json").read_text()) == document
    text = (tmp_path / "root" / "health_summary.md").read_text()
    assert text.startswith("# Health of batches: CRITICAL\n")
    assert "| batch_failure_rate | CRITICAL | 50.0% of runs did not succeed" in text
    assert set(document["checks"][0]) == {"name", "status", "value", "expected", "details", "last_updated_at"}


@pytest.mark.parametrize(
    "options", [["--max-failure-rate", "2"], ["--max-age", "soon"], ["--max-failure-rate", "much"], ["--no-such"]]
)
def test_a_usage_error_could_not_be_judged(tmp_path: Path, dbatch: Run, options: list[str]) -> None:
    assert dbatch("health", "--batch-root", tmp_path, *options).returncode == 3
