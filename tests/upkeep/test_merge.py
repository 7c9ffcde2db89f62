"""Parts of a batch become one batch, verified, and doing it twice changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import LockedError, OutputError
from dbatch.model import Receipt
from dbatch.results.consolidate import read_summary, result_digest
from dbatch.results.folder import locked
from dbatch.results.ledger import Planned, open_ledger, reading_ledger
from dbatch.results.part import is_intact
from dbatch.upkeep.merge import Conflict, merge, rebuild
from dbatch.upkeep.status import read_status

MakeBatch = Callable[..., Path]
MakeReceipt = Callable[..., Receipt]
MakePart = Callable[..., list[Receipt]]
Contents = Callable[[Path], dict[str, bytes]]


def receipts_of(folder: Path) -> dict[str, Receipt]:
    with reading_ledger(folder) as ledger:
        return ledger.receipts()


def inputs_of(code: str = "c1", fingerprint: str = "f1") -> list[dict[str, Any]]:
    return [{"strategy": {"name": "dip"}, "code": code, "securities": {"AAA": {"fingerprint": fingerprint}}}]


def test_two_halves_give_the_batch_that_one_machine_would_have_given(make_batch: MakeBatch, tmp_path: Path) -> None:
    whole = make_batch("whole")
    rebuild(whole)
    halves = [make_batch("left", runs=[0, 1]), make_batch("right", runs=[2, 3])]

    merged = merge(tmp_path / "all", halves)
    assert (merged.taken_jobs, merged.copied_parts, merged.missing, merged.conflicts) == (8, 4, (), ())
    assert result_digest(tmp_path / "all") == result_digest(whole)
    assert all(is_intact(tmp_path / "all", receipt) for receipt in receipts_of(tmp_path / "all").values())
    assert read_status(tmp_path / "all").state == "FINISHED"


def test_the_halves_are_left_as_they_were(make_batch: MakeBatch, contents: Contents, tmp_path: Path) -> None:
    half = make_batch("left", runs=[0, 1])
    before = contents(half)

    merge(tmp_path / "all", [half])
    assert contents(half) == before


def test_merging_again_changes_nothing(make_batch: MakeBatch, contents: Contents, tmp_path: Path) -> None:
    halves = [make_batch("left", runs=[0, 1], errors={(0, "AAA"): "failed: no"}), make_batch("right", runs=[2, 3])]
    merge(tmp_path / "all", halves)
    receipts, files = receipts_of(tmp_path / "all"), contents(tmp_path / "all")

    merged = merge(tmp_path / "all", [*halves, halves[0]])
    assert (merged.taken_jobs, merged.copied_parts, merged.missing) == (0, 0, ())
    assert receipts_of(tmp_path / "all") == receipts
    again = contents(tmp_path / "all")
    assert {name for name in files if files[name] != again.get(name)} <= {"ledger.sqlite"}


def test_runs_that_no_part_has_or_that_are_not_done_are_told_as_ranges(make_batch: MakeBatch, tmp_path: Path) -> None:
    left = make_batch("left", runs=[0, 1, 2], done=[0, 2], total=10)
    right = make_batch("right", runs=[5, 6], total=10)

    merged = merge(tmp_path / "all", [left, right])
    assert merged.missing == ((1, 2), (3, 5), (7, 10))
    assert merged.total == 10
    assert read_status(tmp_path / "all").state == "INTERRUPTED"


def test_a_success_elsewhere_replaces_a_failure_and_not_the_other_way(make_batch: MakeBatch) -> None:
    here = make_batch("here", runs=[0, 1], errors={(0, "AAA"): "timeout: over 5 s"}, total=2)
    there = make_batch("there", runs=[0, 1], errors={(1, "AAA"): "timeout: over 5 s"}, total=2)

    assert merge(here, [there]).taken_jobs == 1
    assert read_summary(here).column("status").to_pylist() == ["success", "success"]
    assert all(is_intact(here, receipt) for receipt in receipts_of(here).values())


def test_parts_of_the_same_jobs_that_differ_in_bytes_lie_beside_each_other(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    here, there = (make_batch(name, runs=[0], done=[], total=1) for name in ("here", "there"))
    failed = made_receipt(0, "BBB", "failed: no")
    for folder, rows in (
        (here, [made_receipt(0, "AAA"), failed]),
        (there, [made_receipt(0, "AAA", runtime_sec=9.0), made_receipt(0, "BBB")]),
    ):
        with open_ledger(folder) as ledger:
            ledger.commit(*make_part(folder, rows))

    merge(here, [there])
    receipts = receipts_of(here)
    assert {receipt.status for receipt in receipts.values()} == {"success"}
    assert len({receipt.part for receipt in receipts.values()}) == 2
    assert all(is_intact(here, receipt) for receipt in receipts.values())


def test_other_fills_of_the_same_job_are_told_and_the_first_ones_stay(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart, job_key: Callable[[int, str], str]
) -> None:
    here = make_batch("here")
    there = make_batch("there", done=[])
    with open_ledger(there) as ledger:
        ledger.commit(*make_part(there, [made_receipt(2, "AAA", digest="other")]))
    before = receipts_of(here)[job_key(2, "AAA")]

    merged = merge(here, [there])
    assert merged.conflicts == (Conflict("size_2", "AAA", f"{there}: other fills"),)
    assert receipts_of(here)[job_key(2, "AAA")] == before


def test_a_job_planned_from_other_inputs_is_told(make_batch: MakeBatch) -> None:
    here, there = make_batch("here"), make_batch("there")
    with open_ledger(there) as ledger:
        jobs = [job._replace(key="f" * 32) if job.run == 1 else job for job in ledger.planned()]
        ledger.plan(list(ledger.runs()), jobs)

    conflicts = merge(here, [there]).conflicts
    assert [(one.run_id, one.security) for one in conflicts] == [("size_1", "AAA"), ("size_1", "BBB")]


def test_nothing_is_taken_out_of_a_damaged_part(make_batch: MakeBatch, tmp_path: Path) -> None:
    half = make_batch("left", runs=[0, 1], total=2)
    part = min(half.glob("parts/*/*.parquet"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")

    merged = merge(tmp_path / "all", [half])
    assert merged.not_taken == (part.relative_to(half).as_posix(),)
    assert len(merged.missing) == 1
    assert not (tmp_path / "all" / merged.not_taken[0]).exists()


def test_a_part_outside_of_its_folder_is_never_copied(make_batch: MakeBatch, tmp_path: Path) -> None:
    half = make_batch("left", runs=[0], total=1)
    (part,) = half.glob("parts/*/*.parquet")
    (tmp_path / "evil.parquet").write_bytes(part.read_bytes())
    with open_ledger(half) as ledger:
        receipts = [dataclasses.replace(receipt, part="../evil.parquet") for receipt in ledger.receipts().values()]
        ledger.forget([receipt.key for receipt in receipts])
        ledger.commit(*receipts)

    assert merge(tmp_path / "a" / "all", [half]).not_taken == ("../evil.parquet",)
    assert not (tmp_path / "a" / "evil.parquet").exists()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"config_hash": "other"}, r"left \(config c0ffee0{10}\) and .*right \(config other\) are not of one batch"),
        ({"inputs": inputs_of(code="c2")}, r"were computed from other code of strategy 'dip'"),
        ({"inputs": inputs_of(fingerprint="f2")}, r"were computed from other data of AAA"),
    ],
)
def test_folders_that_are_not_of_one_batch_are_refused_and_nothing_is_made(
    make_batch: MakeBatch, tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    left = make_batch("left", runs=[0, 1], inputs=inputs_of())
    right = make_batch("right", **{"runs": [2, 3], "inputs": inputs_of(), **facts})

    with pytest.raises(OutputError, match=message):
        merge(tmp_path / "all", [left, right])
    assert not (tmp_path / "all").exists()


def test_a_run_with_another_id_is_refused(make_batch: MakeBatch, tmp_path: Path) -> None:
    left, right = make_batch("left", runs=[0]), make_batch("right", runs=[0])
    with open_ledger(right) as ledger:
        ledger.plan([(0, "other", {})], ledger.planned())

    with pytest.raises(OutputError, match=r"its run 0 is 'other', elsewhere it is 'size_0'"):
        merge(tmp_path / "all", [left, right])


def test_a_plain_run_and_the_folder_itself_are_refused(make_batch: MakeBatch, make_run: Callable[..., Path]) -> None:
    batch, run = make_batch(), make_run()

    with pytest.raises(OutputError, match="holds a single run, no batch"):
        merge(batch, [run])
    with pytest.raises(OutputError, match="holds a single run, no batch"):
        rebuild(run)
    with pytest.raises(OutputError, match="is the folder to merge into"):
        merge(batch, [batch])


def test_a_folder_that_a_driver_writes_in_is_refused(make_batch: MakeBatch) -> None:
    here, there = make_batch("here"), make_batch("there")

    with locked(here):
        for call in (lambda: rebuild(here), lambda: merge(here, [there])):
            with pytest.raises(LockedError):
                call()


def test_a_broken_batch_gets_its_files_of_all_that_is_on_disk(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0, 1], state="running")
    make_part(folder, [made_receipt(2, "AAA"), made_receipt(2, "BBB")])

    merged = rebuild(folder)
    assert (merged.adopted, merged.missing) == (2, ((3, 4),))
    assert read_summary(folder).column("status").to_pylist() == ["success"] * 3 + ["cancelled"]


def test_damaged_parts_of_the_batch_itself_are_counted(make_batch: MakeBatch) -> None:
    folder = make_batch()
    min(folder.glob("parts/*/*.parquet")).unlink()

    assert rebuild(folder).damaged_jobs == 2


def test_stale_results_stay_marked(make_batch: MakeBatch, tmp_path: Path) -> None:
    half = make_batch("left", runs=[0], total=1)
    with open_ledger(half) as ledger:
        planned = [job._replace(stale=True) for job in ledger.planned()]
        ledger.plan(list(ledger.runs()), planned)

    merge(tmp_path / "all", [half])
    with reading_ledger(tmp_path / "all") as ledger:
        assert ledger.planned() == planned
        assert all(isinstance(job, Planned) and job.stale for job in planned)
