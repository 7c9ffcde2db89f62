"""Receipts come back as they were committed, whatever happened to the process meanwhile."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dbatch.errors import OutputError
from dbatch.model import Receipt
from dbatch.results.ledger import LEDGER_NAME, open_ledger, read_receipts
from dbatch.results.part import PartRow, publish
from dbatch.schema import JOB_METRIC_COLUMNS

RECEIPT = Receipt("k1", "NA", "success", digest="d", trades=3, realized_pnl=0.1 + 0.2, notes=("a",))


def test_a_receipt_comes_back_bit_for_bit(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.commit(RECEIPT)

    with open_ledger(tmp_path) as ledger:
        assert ledger.receipts() == {"k1": RECEIPT}


def test_of_a_success_with_a_part_the_facts_come_from_there_and_the_rest_of_one_whose_part_is_gone(
    tmp_path: Path,
) -> None:
    metrics = dict.fromkeys(JOB_METRIC_COLUMNS) | {"sharpe": 0.1 + 0.2, "max_drawdown_start": "2024-02-29"}
    said = dataclasses.replace(RECEIPT, output="hello", first_day=19_000, metrics=metrics, runtime_sec=1.5)
    with open_ledger(tmp_path) as ledger:
        (placed,) = publish(tmp_path, [PartRow(said)])
        ledger.commit(placed)

        assert ledger.receipts() == {"k1": placed}

        (tmp_path / placed.part).write_bytes(b"?")
        place = {name: getattr(placed, name) for name in ("part", "row", "sha256", "digest", "runtime_sec")}
        assert ledger.receipts() == {"k1": Receipt("k1", "NA", "success", **place)}


def test_a_second_receipt_of_a_job_replaces_the_first(tmp_path: Path) -> None:
    failed = Receipt("k1", "NA", "failed", error="ValueError")
    with open_ledger(tmp_path) as ledger:
        ledger.commit(failed)
        ledger.commit(RECEIPT)

        assert ledger.receipts() == {"k1": RECEIPT}


def test_of_more_receipts_than_a_statement_takes_each_is_kept_and_the_contradicting_ones_are_named(
    tmp_path: Path,
) -> None:
    first = [Receipt(f"k{number}", "NA", "success", digest="one") for number in range(250)]
    second = [Receipt(f"k{number}", "NA", "success", digest="two") for number in (3, 120, 249, 250)]
    with open_ledger(tmp_path) as ledger:
        assert ledger.commit(*first) == []
        assert ledger.commit(*second) == ["k3", "k120", "k249"]

        assert list(ledger.receipts().values()) == [*first, second[-1]]
        assert [commit.jobs for commit in ledger.commits()] == [250, 4]


def test_what_was_committed_survives_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from dbatch.model import Receipt; from dbatch.results.ledger import open_ledger, read_receipts\n"
        "with open_ledger(Path(sys.argv[1])) as ledger:\n"
        "    ledger.commit(Receipt('k1', 'AAA', 'success'))\n"
        "    os._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == 9

    with open_ledger(tmp_path) as ledger:
        assert list(ledger.receipts()) == ["k1"]


@pytest.mark.parametrize("cut", range(1, 200, 13))
def test_a_torn_last_record_is_dropped_and_the_rest_is_kept(tmp_path: Path, cut: int) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.commit(RECEIPT)
        ledger.commit(Receipt("k2", "BBB", "success"))
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in (LEDGER_NAME, f"{LEDGER_NAME}-wal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    log = copy / f"{LEDGER_NAME}-wal"
    os.truncate(log, log.stat().st_size - cut)

    with open_ledger(copy) as ledger:
        assert ledger.receipts() == {"k1": RECEIPT}


def test_a_file_that_is_no_ledger_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"garbage" * 1000)

    with pytest.raises(OutputError, match="--rerun starts anew"), open_ledger(tmp_path):
        pass


def test_an_empty_ledger_is_a_ledger_without_receipts(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"")

    with open_ledger(tmp_path) as ledger:
        assert ledger.receipts() == {}


def test_unknown_facts_of_a_later_version_are_left_out(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.commit(RECEIPT)
    connection = sqlite3.connect(tmp_path / LEDGER_NAME)
    with connection:
        connection.execute("update receipts set receipt = json_set(receipt, '$.later', 1)")
    connection.close()

    with open_ledger(tmp_path) as ledger:
        assert ledger.receipts() == {"k1": RECEIPT}


def test_reading_receipts_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.commit(Receipt("k1", "AAA", "success"))
    before = sorted(path.name for path in tmp_path.iterdir())

    assert list(read_receipts(tmp_path)) == ["k1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_receipts_are_read_while_another_process_writes(tmp_path: Path) -> None:
    with open_ledger(tmp_path) as ledger:
        ledger.commit(Receipt("k1", "AAA", "success"))
        assert list(read_receipts(tmp_path)) == ["k1"]
