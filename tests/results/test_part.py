"""A part holds a row per job, whole or not at all, and a second publication of the same jobs is harmless."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dbatch.engine.fills import Fills, fill_table, fills_of_table
from dbatch.errors import StorageError
from dbatch.model import Receipt
from dbatch.results.part import (
    PartRow,
    each_fills,
    is_intact,
    is_lean,
    publish,
    read_fills,
    read_rows,
    receipts_in,
)

KEYS = ["ab" * 16, "cd" * 16, "ef" * 16]


def fills_of(count: int) -> Fills:
    whole = np.arange(1, count + 1)
    return Fills(whole * 10**9, whole / 3.0, whole, whole * 0.1, np.cumsum(whole), np.cumsum(whole * 0.1))


def row_of(key: str, count: int | None, days: int | None = 2) -> PartRow:
    receipt = Receipt(key, "AAA", "success", trades=count or 0, realized_pnl=0.1 + 0.2, notes=("a",))
    dates, daily = (None, None) if days is None else (np.arange(days) + 20_000, np.linspace(0.1, 0.7, days))
    return PartRow(receipt, dates, daily, None if count is None else fill_table(fills_of(count)))


def test_the_part_of_one_job_is_named_after_it_and_its_contents_and_has_the_hash_that_is_told(tmp_path: Path) -> None:
    (receipt,) = publish(tmp_path, [row_of(KEYS[0], 3)])

    assert receipt.part == f"parts/ab/{KEYS[0]}-{receipt.sha256[:8]}.parquet"
    assert hashlib.sha256((tmp_path / receipt.part).read_bytes()).hexdigest() == receipt.sha256


def test_publishing_twice_leaves_one_part_with_the_same_bytes(tmp_path: Path) -> None:
    rows = [row_of(key, 3) for key in KEYS]
    first = publish(tmp_path, rows)
    content = (tmp_path / first[0].part).read_bytes()

    assert publish(tmp_path, rows) == first
    assert [path.read_bytes() for path in tmp_path.rglob("*.parquet")] == [content]


def test_a_late_publication_of_the_same_jobs_leaves_the_first_one_as_it_is(tmp_path: Path) -> None:
    rows = [row_of(key, 3) for key in KEYS]
    late = [dataclasses.replace(row, receipt=dataclasses.replace(row.receipt, runtime_sec=9.0)) for row in rows]
    first = publish(tmp_path, rows)

    second = publish(tmp_path, late)

    assert all(is_intact(tmp_path, receipt) for receipt in (*first, *second))


def test_fills_come_back_bit_for_bit_from_the_row_that_the_receipt_names(tmp_path: Path) -> None:
    receipts = publish(tmp_path, [row_of(KEYS[0], 3), row_of(KEYS[1], 0), row_of(KEYS[2], 5)])

    for receipt, count in zip(receipts, (3, 0, 5), strict=True):
        assert fills_of_table(read_fills(tmp_path, receipt)).digest() == fills_of(count).digest()


def test_fills_of_many_jobs_lie_in_row_groups_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbatch.results.part._FILLS_A_ROW_GROUP", 4)
    receipts = publish(tmp_path, [row_of(key, count) for key, count in zip(KEYS, (3, 4, 5), strict=True)])

    for receipt, count in zip(receipts, (3, 4, 5), strict=True):
        assert len(read_fills(tmp_path, receipt)) == count


def test_fills_of_many_jobs_come_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbatch.results.part._FILLS_A_ROW_GROUP", 4)
    receipts = publish(tmp_path, [row_of(key, count) for key, count in zip(KEYS, (3, 0, 5), strict=True)])

    found = {row: fills_of_table(fills).digest() for row, fills in each_fills(tmp_path / receipts[0].part, [2, 0, 1])}

    assert list(found.items()) == [(row, fills_of(count).digest()) for row, count in enumerate((3, 0, 5))]


def test_fills_in_one_go_are_asked_for_in_vain_where_they_were_not_kept(tmp_path: Path) -> None:
    receipts = publish(tmp_path, [row_of(KEYS[0], None), row_of(KEYS[1], 2)])

    for row in (0, 2):
        with pytest.raises(StorageError, match=f"no fills in row {row}"):
            list(each_fills(tmp_path / receipts[0].part, [row, 1]))


def test_a_part_without_fills_says_so_by_its_name(tmp_path: Path) -> None:
    (lean,) = publish(tmp_path, [row_of(KEYS[0], None)])
    (full,) = publish(tmp_path, [row_of(KEYS[0], 0)])

    assert (is_lean(lean.part), is_lean(full.part)) == (True, False)


def test_days_and_daily_profit_come_back_and_are_missing_where_there_are_none(tmp_path: Path) -> None:
    receipts = publish(tmp_path, [row_of(KEYS[0], 1, 3), row_of(KEYS[1], 1, None), row_of(KEYS[2], None, 0)])

    rows = read_rows(tmp_path / receipts[0].part, ["key", "days", "daily_pnl"])
    assert [row["key"] for row in rows] == KEYS
    assert rows[0]["days"].tolist() == [20_000, 20_001, 20_002]
    assert rows[0]["daily_pnl"].tolist() == np.linspace(0.1, 0.7, 3).tolist()
    assert rows[1]["days"] is None
    assert rows[1]["daily_pnl"] is None
    assert rows[2]["days"].tolist() == []


def test_receipts_can_be_read_from_the_part_alone(tmp_path: Path) -> None:
    failed = PartRow(Receipt(KEYS[1], "BBB", "failed", error="ValueError: no"))
    receipts = publish(tmp_path, [row_of(KEYS[0], 3), failed])

    assert receipts_in(tmp_path, receipts[0].part) == receipts


def test_fills_that_were_not_kept_are_asked_for_in_vain(tmp_path: Path) -> None:
    receipts = publish(tmp_path, [row_of(KEYS[0], None), row_of(KEYS[1], 2)])

    with pytest.raises(StorageError, match="were not kept"):
        read_fills(tmp_path, receipts[0])


def test_a_row_of_another_job_is_refused(tmp_path: Path) -> None:
    receipts = publish(tmp_path, [row_of(KEYS[0], 1), row_of(KEYS[1], 2)])

    with pytest.raises(StorageError, match="another job's"):
        read_fills(tmp_path, dataclasses.replace(receipts[0], row=1))
    with pytest.raises(StorageError, match="no row 2"):
        read_fills(tmp_path, dataclasses.replace(receipts[0], row=2))


def test_a_flipped_byte_in_a_part_is_refused(tmp_path: Path) -> None:
    (receipt,) = publish(tmp_path, [row_of(KEYS[0], 5_000)])
    assert is_intact(tmp_path, receipt)
    content = bytearray((tmp_path / receipt.part).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / receipt.part).write_bytes(content)

    assert not is_intact(tmp_path, receipt)
    with pytest.raises(StorageError):
        read_fills(tmp_path, receipt)


def test_a_part_that_is_gone_is_not_intact(tmp_path: Path) -> None:
    assert not is_intact(tmp_path, Receipt(KEYS[0], "AAA", "success", part="parts/ab/x.parquet"))
    assert not is_intact(tmp_path, Receipt(KEYS[0], "AAA", "success"))


def test_a_part_refers_to_no_pandas(tmp_path: Path) -> None:
    (receipt,) = publish(tmp_path, [row_of(KEYS[0], 2)])

    assert pa.parquet.read_schema(tmp_path / receipt.part).metadata is None
