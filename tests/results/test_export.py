"""The files people read: full precision, honest blanks, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.engine.fills import Fills, fill_table
from dbatch.model import Receipt
from dbatch.results.export import export_fills, export_summary, export_trades
from dbatch.schema import FILL_DTYPES


def fills_of(prices: list[float], nanoseconds: list[int]) -> Fills:
    count = len(prices)
    whole = np.arange(1, count + 1)
    values = np.array(prices, "float64")
    return Fills(np.array(nanoseconds, "int64"), values, whole * (-1) ** whole, values, whole, values)


finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.integers(-(10**18), 9 * 10**18)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.tuples(finite, moments), min_size=1, max_size=20))
def test_trades_read_back_as_the_same_doubles_and_times(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("out")
    fills = fills_of([price for price, _ in rows], [moment for _, moment in rows])

    export_trades(folder, "AAA", fill_table(fills))

    with open(folder / "AAA_trades_timeseries.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(row["fill_price"]) for row in written] == fills.prices.tolist()
    assert [np.datetime64(row["timestamp"], "ns").astype(int) for row in written] == fills.timestamps.tolist()
    assert [row["side"] for row in written] == ["buy" if quantity > 0 else "sell" for quantity in fills.quantities]


def test_a_table_of_fills_has_the_dtypes_of_the_schema() -> None:
    frame = fill_table(fills_of([1.0], [0])).to_pandas()

    assert frame.dtypes.astype(str).to_dict() == FILL_DTYPES


def test_a_security_without_fills_has_a_file_with_a_header_only(tmp_path: Path) -> None:
    export_trades(tmp_path, "AAA", fill_table(fills_of([], [])))

    assert len((tmp_path / "AAA_trades_timeseries.csv").read_text().splitlines()) == 1


def test_all_fills_stand_in_the_order_of_securities(tmp_path: Path) -> None:
    parts = [("NA", fill_table(fills_of([1.0, 2.0], [1, 2]))), ("é=1", fill_table(fills_of([3.0], [3])))]

    export_fills(tmp_path, iter(parts))

    frame = pd.read_parquet(tmp_path / "fills.parquet")
    assert frame["security"].astype(str).tolist() == ["NA", "NA", "é=1"]
    assert frame["fill_price"].tolist() == [1.0, 2.0, 3.0]


def test_a_failed_security_has_blanks_and_its_cause(tmp_path: Path) -> None:
    export_summary(tmp_path, [Receipt("k", "AAA", "failed", error="KeyError: 'x'")])

    (row,) = csv.DictReader((tmp_path / "backtest_summary.csv").read_text().splitlines())
    assert (row["trades"], row["realized_pnl"], row["rows"]) == ("", "", "")
    assert row["error"] == "KeyError: 'x'"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "@SUM", "-x"])
def test_no_text_in_the_summary_is_a_formula(tmp_path: Path, name: str) -> None:
    export_summary(tmp_path, [Receipt("k", name, "success", realized_pnl=-1.5)])

    (row,) = csv.DictReader((tmp_path / "backtest_summary.csv").read_text().splitlines())
    assert row["security"] == f"'{name}"
    assert row["realized_pnl"] == "-1.5"
