"""The orders of a run that were executed, one for each fill: what they did to the position, what they cost."""

from __future__ import annotations

import csv
import datetime as dt
import io

import numpy as np
import pyarrow as pa

from dbatch.engine.fills import Fills, fill_table
from dbatch.results.run_orders import HEADER, account_lines, order_lines

START = 1_744_700_400 * 10**9  # 2025-04-15 07:00


def fills_of(*rows: tuple[float, int]) -> pa.Table:
    """Return the fills of orders: (price, signed shares) each, a second apart."""
    prices, quantities = (np.array(column) for column in zip(*rows, strict=True))
    times, zeros = START + np.arange(len(rows)) * 10**9, np.zeros(len(rows))
    made = Fills(times, prices.astype(float), quantities, zeros, np.cumsum(quantities), zeros)
    return fill_table(made)


def test_each_fill_is_an_order_with_what_it_did_and_cost() -> None:
    fills = fills_of((10.0, 100), (10.5, 50), (11.0, -30), (11.0, -120), (12.0, -10), (12.5, 40))

    lines = order_lines("AAA", fills, {"commission_bps": 10.0, "commission_per_share": 0.0, "commission_min": 0.5})

    assert (HEADER + lines).decode().splitlines() == [
        "timestamp,security,side,price,quantity,type,fee",
        "2025-04-15 07:00:00,AAA,buy,10.0,100,open,1.0",
        "2025-04-15 07:00:01,AAA,buy,10.5,50,add,0.525",
        "2025-04-15 07:00:02,AAA,sell,11.0,30,reduce,0.5",
        "2025-04-15 07:00:03,AAA,sell,11.0,120,close,1.32",
        "2025-04-15 07:00:04,AAA,sell,12.0,10,open,0.5",
        "2025-04-15 07:00:05,AAA,buy,12.5,40,reverse,0.5",
    ]


def test_without_fees_the_cell_is_empty_and_no_name_is_a_formula_or_a_column() -> None:
    (row,) = csv.reader(io.StringIO(order_lines('=A1,"x"\n', fills_of((1.0, 1)), None).decode()))

    assert row == ["2025-04-15 07:00:00", '\'=A1,"x"\n', "buy", "1.0", "1", "open", ""]


def test_without_fills_there_are_no_lines() -> None:
    assert order_lines("AAA", fills_of((1.0, 1)).slice(1), None) == b""


def test_orders_of_a_portfolio_are_those_of_its_account() -> None:
    day = dt.date(2025, 4, 15)
    orders = pa.table(
        {"date": [day, day], "security": ["AAA", "BBB"], "shares": [3.5, -2.0], "price": [10.0, 20.0],
         "commission": [0.35, 0.4], "value": [35.0, 40.0]}
    )  # fmt: skip

    assert account_lines(orders).decode().splitlines() == [
        "2025-04-15,AAA,buy,10.0,3.5,rebalance,0.35",
        "2025-04-15,BBB,sell,20.0,2.0,rebalance,0.4",
    ]
