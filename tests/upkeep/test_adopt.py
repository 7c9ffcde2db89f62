"""Results that were published and never committed are found again, whole ones only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dbatch.model import Receipt
from dbatch.results.adopt import adopt, orphans
from dbatch.results.ledger import open_ledger
from dbatch.results.part import is_intact

MakeBatch = Callable[..., Path]
MakeReceipt = Callable[..., Receipt]
MakePart = Callable[..., list[Receipt]]


def test_planned_jobs_in_an_orphaned_part_are_adopted_as_they_were_published(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0])
    published = make_part(folder, [made_receipt(1, "AAA"), made_receipt(1, "BBB", "failed: no")])

    with open_ledger(folder) as ledger:
        assert adopt(folder, ledger) == 2
        receipts = ledger.receipts()
        assert [receipts[receipt.key] for receipt in published] == published
        assert is_intact(folder, published[0])
        assert adopt(folder, ledger) == 0


def test_jobs_that_are_not_planned_or_done_already_are_not_adopted(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0])
    make_part(folder, [made_receipt(0, "AAA"), made_receipt(9, "AAA")])

    with open_ledger(folder) as ledger:
        before = ledger.receipts()
        assert adopt(folder, ledger) == 0
        assert ledger.receipts() == before
        assert [orphan.receipts for orphan in orphans(folder, ledger)] == [()]


def test_a_success_replaces_a_failure_and_a_failure_nothing(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0], errors={(0, "AAA"): "failed: no", (0, "BBB"): "failed: no"})
    make_part(folder, [made_receipt(0, "AAA"), made_receipt(0, "BBB", "timeout: over 5 s")])

    with open_ledger(folder) as ledger:
        assert adopt(folder, ledger) == 1
        assert sorted(ledger.statuses().values()) == ["failed", "success"]


def test_whatever_byte_of_a_part_is_damaged_nothing_of_it_is_adopted(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[])
    (receipt,) = make_part(folder, [made_receipt(0, "AAA")])
    part = folder / receipt.part
    whole = part.read_bytes()

    with open_ledger(folder) as ledger:
        for place in range(0, len(whole), 17):
            part.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            (orphan,) = orphans(folder, ledger)
            assert orphan.receipts == ()


def test_a_truncated_or_foreign_file_is_never_adopted(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart, tmp_path: Path
) -> None:
    folder = make_batch(done=[])
    (receipt,) = make_part(folder, [made_receipt(0, "AAA")])
    content = (folder / receipt.part).read_bytes()
    (folder / receipt.part).write_bytes(content[:-100])
    (folder / "parts" / "zz").mkdir()
    (folder / "parts" / "zz" / "foreign.parquet").write_text("hello")
    (tmp_path / "elsewhere.parquet").write_bytes(content)
    (folder / "parts" / "zz" / "linked.parquet").symlink_to(tmp_path / "elsewhere.parquet")

    with open_ledger(folder) as ledger:
        assert adopt(folder, ledger) == 0


def test_of_two_parts_with_the_same_job_the_one_with_fills_is_taken(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[])
    (lean,) = make_part(folder, [made_receipt(0, "AAA")])
    assert lean.part.endswith("-lean.parquet")
    full = lean.part.replace("-lean", "")
    (folder / full).write_bytes((folder / lean.part).read_bytes())

    with open_ledger(folder) as ledger:
        assert adopt(folder, ledger) == 1
        assert ledger.receipts()[lean.key].part == full
