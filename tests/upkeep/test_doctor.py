"""The doctor finds each thing that can be wrong with a folder, and its repair mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.errors import LockedError, OutputError
from dbatch.model import Receipt
from dbatch.results.consolidate import consolidate
from dbatch.results.folder import locked
from dbatch.results.ledger import open_ledger
from dbatch.upkeep.doctor import check_folder
from dbatch.upkeep.finding import Finding, worst
from dbatch.upkeep.repair import repair
from dbatch.upkeep.status import read_status

MakeBatch = Callable[..., Path]
MakeReceipt = Callable[..., Receipt]
MakePart = Callable[..., list[Receipt]]


@pytest.fixture
def healthy(make_batch: MakeBatch) -> Path:
    """A finished batch of four runs with all its files."""
    folder = make_batch()
    with open_ledger(folder) as ledger:
        consolidate(folder, ledger)
    return folder


def bad(folder: Path) -> list[Finding]:
    return [finding for finding in check_folder(folder) if finding.level != "OK"]


def only(folder: Path) -> Finding:
    """The one thing that is wrong with a folder."""
    (finding,) = bad(folder)
    return finding


def part_of(folder: Path) -> Path:
    return next(path for path in sorted(folder.glob("parts/*/*.parquet")))


def test_a_finished_batch_is_well(healthy: Path) -> None:
    assert bad(healthy) == []
    assert repair(healthy) == ["made the derived files again"]
    assert bad(healthy) == []


def test_a_part_that_is_gone_is_found_and_its_jobs_become_pending(healthy: Path) -> None:
    part_of(healthy).unlink()

    finding = only(healthy)
    assert (finding.check, finding.level) == ("parts", "CRITICAL")
    assert finding.found.startswith("1 parts are gone, 2 jobs are to be done again: parts/")
    assert finding.repair == f"dbatch doctor {healthy} --repair"

    assert repair(healthy)[0] == "forgot 2 receipts of 1 damaged parts"
    assert dict(read_status(healthy).runs.statuses) == {"success": 3, "pending": 1}
    assert read_status(healthy).state == "INTERRUPTED"


def test_a_part_with_a_flipped_bit_is_found(healthy: Path) -> None:
    content = bytearray(part_of(healthy).read_bytes())
    content[50] ^= 1
    part_of(healthy).write_bytes(content)

    assert only(healthy).found.startswith("1 parts are not as they were published, 2 jobs")
    repair(healthy)
    assert {finding.check for finding in bad(healthy)} >= {"unfinished", "orphans"}  # the file itself is for gc


def test_a_part_that_was_published_and_not_committed_is_adopted(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0, 1, 2], state="running")
    make_part(folder, [made_receipt(3, "AAA"), made_receipt(3, "BBB")])

    found = {finding.check: finding.found for finding in bad(folder)}
    assert found["orphans"] == "1 parts are not in the ledger and hold 2 jobs that are still to do"
    assert repair(folder) == ["adopted 2 jobs of parts that were not in the ledger", "made the derived files again"]
    assert read_status(folder).state == "FINISHED"
    assert bad(folder) == []


def test_a_part_that_nothing_needs_is_for_gc(healthy: Path, made_receipt: MakeReceipt, make_part: MakePart) -> None:
    make_part(healthy, [made_receipt(99, "AAA")])

    assert only(healthy).found == "1 parts belong to no receipt and hold nothing that is missing"
    assert only(healthy).repair == f"dbatch gc {healthy}"


def test_unfinished_files_and_traces_of_a_killed_driver_are_found_and_removed(healthy: Path) -> None:
    (part_of(healthy).parent / ".a1b2c3d4.tmp").write_text("")
    (healthy / ".dbatch.cancel").write_text("{}")

    assert [finding.check for finding in bad(healthy)] == ["lock", "temporaries"]
    assert repair(healthy)[:2] == ["removed 1 unfinished files", "removed .dbatch.cancel of a driver that is gone"]
    assert bad(healthy) == []


def test_receipts_of_jobs_that_are_not_planned_are_found_and_forgotten(
    healthy: Path, made_receipt: MakeReceipt
) -> None:
    with open_ledger(healthy) as ledger:
        ledger.commit(made_receipt(99, "AAA", "failed: no"))

    assert only(healthy).found.startswith("1 receipts of jobs that are not planned")
    assert repair(healthy)[0] == "forgot 1 receipts of jobs that are not planned"
    assert bad(healthy) == []


def test_missing_derived_files_are_found_and_made_again(healthy: Path) -> None:
    before = (healthy / "results.parquet").read_bytes()
    (healthy / "results.parquet").unlink()
    (healthy / "batch_summary.csv").unlink()

    assert only(healthy).found == "missing: results.parquet, batch_summary.csv"
    repair(healthy)
    assert (healthy / "results.parquet").read_bytes() == before


def test_runs_without_a_manifest_are_counted_by_the_exact_name_of_their_folder(healthy: Path) -> None:
    shutil.move(healthy / "runs" / "0001_size_1", healthy / "runs" / "0010_size_10")

    finding = only(healthy)
    assert (finding.check, finding.level) == ("batch_missing_manifests", "CRITICAL")
    assert finding.found == "1 of 4 runs have no run_manifest.json: 0001_size_1"
    repair(healthy)
    assert (healthy / "runs" / "0001_size_1" / "run_manifest.json").exists()


def test_an_unreadable_ledger_is_found(healthy: Path) -> None:
    (healthy / "ledger.sqlite").write_bytes(b"garbage" * 1000)

    finding = only(healthy)
    assert (finding.check, finding.level) == ("ledger", "CRITICAL")
    assert "not a readable ledger" in finding.found


def test_a_ledger_with_a_damaged_page_is_found(make_batch: MakeBatch) -> None:
    folder = make_batch(runs=range(60), total=60)
    content = bytearray((folder / "ledger.sqlite").read_bytes())
    content[-8192:] = bytes(8192)
    (folder / "ledger.sqlite").write_bytes(content)

    assert "ledger" in {finding.check for finding in bad(folder) if finding.level == "CRITICAL"}


def test_a_ledger_that_is_gone_is_found(healthy: Path) -> None:
    (healthy / "ledger.sqlite").unlink()

    assert only(healthy).found == "there is no ledger.sqlite"
    with pytest.raises(OutputError, match="holds no batch"):
        repair(healthy)


def test_while_a_driver_is_at_it_what_it_has_not_finished_is_let_be(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0], state="running")
    with locked(folder):
        make_part(folder, [made_receipt(3, "AAA")])
        (folder / ".a1b2c3d4.tmp").write_text("")

        assert bad(folder) == []
        with pytest.raises(LockedError):
            repair(folder)


@pytest.mark.parametrize(
    ("failed", "status", "rate"),
    [(0, "OK", "OK"), (1, "WARN", "OK"), (3, "WARN", "WARN"), (5, "WARN", "CRITICAL"), (10, "CRITICAL", "CRITICAL")],
)
def test_the_rules_of_health_count_every_run_that_did_not_succeed(
    make_batch: MakeBatch, failed: int, status: str, rate: str
) -> None:
    errors = {(run, "AAA"): "timeout: over 5 s" if run % 2 else "skipped: no column" for run in range(failed)}
    found = {finding.check: finding for finding in check_folder(make_batch(runs=range(10), total=10, errors=errors))}

    assert (found["batch_latest_status"].level, found["batch_failure_rate"].level) == (status, rate)


def test_a_batch_without_any_result_is_no_health(make_batch: MakeBatch) -> None:
    found = {finding.check: finding for finding in check_folder(make_batch(done=[]))}

    assert found["batch_latest_status"].level == "WARN"


def test_a_plain_run_is_checked_as_far_as_it_makes_sense(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    assert only(folder).found == "missing: backtest_summary.csv, fills.parquet, run.log"

    part_of(folder).unlink()
    assert repair(folder) == ["forgot 1 receipts of 1 damaged parts"]
    assert dict(read_status(folder).jobs.statuses) == {"success": 1, "pending": 1}


def test_a_folder_of_something_else_is_refused_and_not_made(tmp_path: Path) -> None:
    for look in (check_folder, repair):
        with pytest.raises(OutputError):
            look(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_the_worst_of_findings() -> None:
    assert worst([]) == "OK"
    assert worst([Finding("a", "WARN", ""), Finding("b", "CRITICAL", ""), Finding("c", "OK", "")]) == "CRITICAL"
