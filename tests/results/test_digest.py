"""The digest of a batch covers its results, and nothing of how they came about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbatch.model import Receipt
from dbatch.results.consolidate import result_digest
from dbatch.results.job_table import JOB_KINDS
from dbatch.results.ledger import open_ledger
from dbatch.schema import JOB_RESULT_COLUMNS

Make = Callable[..., Any]


def test_the_digest_does_not_depend_on_how_the_batch_was_carried_out(
    tmp_path: Path, run: Make, make_batch: Make, published: Make, consolidated: Make
) -> None:
    runs = [run({"AAA": "success", "BBB": "failed"}), run(), run()]
    for folder, unit_jobs, keep_fills in (("a", 1, True), ("b", 4, False)):
        receipts = make_batch(tmp_path / folder, runs, unit_jobs=unit_jobs, keep_fills=keep_fills)
        if folder == "b":
            good = (receipt for receipt in receipts.values() if receipt.status == "success")
            slower = [replace(receipt, runtime_sec=9.0, peak_rss_mb=1.0) for receipt in good]
            with open_ledger(tmp_path / folder) as ledger:
                ledger.improve(*(published(tmp_path / folder, receipt) for receipt in slower))
        consolidated(tmp_path / folder)

    assert result_digest(tmp_path / "a") == result_digest(tmp_path / "b")
    assert (tmp_path / "a" / "results.parquet").read_bytes() != (tmp_path / "b" / "results.parquet").read_bytes()


@pytest.mark.parametrize("change", ["digest", "a number", "a status", "a missing number"])
def test_the_digest_changes_with_any_result(
    tmp_path: Path, run: Make, make_batch: Make, published: Make, consolidated: Make, change: str
) -> None:
    receipts = make_batch(tmp_path, [run()])
    consolidated(tmp_path)
    before = result_digest(tmp_path)
    (old,) = receipts.values()
    new = _changed(old, change)
    with open_ledger(tmp_path) as ledger:
        ledger.forget([old.key])
        ledger.commit(published(tmp_path, new) if new.part else new)

    consolidated(tmp_path)

    assert result_digest(tmp_path) != before


def _changed(old: Receipt, change: str) -> Receipt:
    if change == "digest":
        return replace(old, digest="0" * 64)
    if change == "a number":
        return replace(old, metrics={**old.metrics, "sharpe": math.nextafter(old.metrics["sharpe"], 100.0)})
    if change == "a missing number":
        return replace(old, metrics={**old.metrics, "sortino": None})
    return Receipt(old.key, old.security, "failed")


def test_result_columns_are_columns_and_no_measurement_is_one() -> None:
    assert set(JOB_RESULT_COLUMNS) < set(JOB_KINDS)
    measured = {"rows", "rows_skipped", "runtime_sec", "peak_rss_mb", "error", "key", "stale", "params_hash"}
    assert set(JOB_KINDS) - set(JOB_RESULT_COLUMNS) == measured
