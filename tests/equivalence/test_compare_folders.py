"""The comparison sees whatever differs between two folders of `dbatch run` that are each sound in themselves."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dbatch.equivalence.compare import Comparison, compare_results
from dbatch.equivalence.results import read_results
from dbatch.results import export
from dbatch.results.ledger import open_ledger
from dbatch.results.part import PartRow, publish, read_fills

Change = Callable[[pa.Table], pa.Table]


def forge(folder: Path, security: str, change: Change = lambda fills: fills, **facts: Any) -> None:
    """Make `folder` what a run would have left that had computed `security` otherwise: all its files agree."""
    with open_ledger(folder) as ledger:
        receipts = {receipt.security: receipt for receipt in ledger.receipts().values()}
        old = receipts[security]
        fills = change(read_fills(folder, old))
        (receipts[security],) = publish(folder, [PartRow(dataclasses.replace(old, **facts), fills=fills)])
        ledger.forget([old.key])
        ledger.commit(receipts[security])
    ordered = sorted(receipts.values(), key=lambda receipt: receipt.security)
    good = [receipt for receipt in ordered if receipt.status == "success"]
    export.export_trades(folder, security, fills)
    export.export_summary(folder, ordered)
    export.export_fills(folder, iter([(receipt.security, read_fills(folder, receipt)) for receipt in good]))


def at(table: pa.Table, row: int, column: str, change: Callable[[Any], Any]) -> pa.Table:
    """Return `table` with one cell changed; a time is changed as nanoseconds."""
    kind = table.column(column).type
    cells = (table.column(column).cast(pa.int64()) if pa.types.is_timestamp(kind) else table.column(column)).to_pylist()
    cells[row] = change(cells[row])
    changed = pa.array(cells).cast(kind)
    return table.set_column(table.column_names.index(column), column, changed)


def between(pair: tuple[Path, Path]) -> Comparison:
    left, right = map(read_results, pair)
    return compare_results(left, right)


def test_two_folders_of_one_run_are_equal(pair: tuple[Path, Path]) -> None:
    found = between(pair)
    assert found.holds, found.reason
    assert (found.rows, found.counts) == (20 + 22 + 22, {"equal": 3})  # 101, 111 and 116 trades, two fills each tenth


FORGED: Mapping[str, tuple[Change, int]] = {
    "the first fill removed": (lambda table: table.slice(1), 0),
    "a fill in the middle removed": (lambda table: table.take([*range(7), *range(8, 22)]), 7),
    "the last fill removed": (lambda table: table.slice(0, 21), 21),
    "the last fill twice": (lambda table: table.take([*range(22), 21]), 22),
    "two neighbours swapped": (lambda table: table.take([0, 2, 1, *range(3, 22)]), 1),
    "two fills of one time swapped": (lambda table: table.take([*range(20), 21, 20]), 20),
    "a price higher by one ulp": (lambda table: at(table, 4, "fill_price", lambda x: math.nextafter(x, 99)), 4),
    "a time later by a nanosecond": (lambda table: at(table, 3, "timestamp", lambda x: x + 1), 3),
    "another side": (lambda table: at(table, 0, "side", lambda _: "sell"), 0),
    "the sign of a zero": (lambda table: at(table, 1, "realized_pnl", lambda _: -0.0), 1),
    "no fills": (lambda table: table.slice(0, 0), 0),
}


@pytest.mark.parametrize("change", FORGED)
def test_every_change_of_fills_between_folders_is_seen(pair: tuple[Path, Path], change: str) -> None:
    changed, row = FORGED[change]
    forge(pair[1], "BBB", changed)
    found = between(pair)
    assert (found.holds, found.counts) == (False, {"equal": 2, "differs": 1})
    bad = found.securities[1]
    assert (bad.security, bad.difference is not None) == ("BBB", True), bad.reason
    assert bad.difference is not None
    assert (bad.difference.table, bad.difference.row) == ("fills", row)


@pytest.mark.parametrize("column", ["trades", "realized_pnl", "position", "market_dates", "strategy_dates", "turnover"])
def test_every_change_of_a_receipt_between_folders_is_seen(pair: tuple[Path, Path], column: str) -> None:
    forge(pair[0], "CCC", **{column: 77.0 if column in ("realized_pnl", "turnover") else 77})
    found = between(pair)
    assert found.counts == {"equal": 2, "differs": 1}
    assert found.securities[2].difference is not None
    assert found.securities[2].difference.column == column


def test_a_security_that_a_folder_lacks_is_absent(pair: tuple[Path, Path]) -> None:
    path = pair[0] / "run_manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["request"]["jobs"]["AAA"]
    path.write_text(json.dumps(manifest))
    for left, right, side in ((*pair, "left"), (*reversed(pair), "right")):
        found = between((left, right))
        assert found.counts == {"equal": 2, "absent": 1}
        assert not found.holds
        assert f"absent on the {side}" in [item.reason for item in found.securities]


def test_a_security_that_failed_in_a_folder_is_not_equal_even_when_it_failed_in_both(pair: tuple[Path, Path]) -> None:
    for folder, sides in (
        (pair[0], "left: failed: no luck"),
        (pair[1], "left: failed: no luck; right: failed: no luck"),
    ):
        forge(folder, "AAA", status="failed", error="no luck")
        found = between(pair)
        assert (found.holds, found.counts) == (False, {"failed": 1, "equal": 2})
        assert found.securities[0].reason == sides
