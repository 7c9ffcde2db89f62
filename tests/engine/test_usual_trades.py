"""Trades taken a column at a time give what they give one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dbatch.engine import fills
from dbatch.engine.fills import Fills, fills_of_trades


def trade(**changes: object) -> dict[str, object]:
    usual = {"timestamp": pd.Timestamp("2025-04-14 10:00:00.123456789"), "side": "sell", "fill_price": 9.75}
    return {**usual, "fill_qty": 3, "realized_pnl": -0.0, "position": -3, "pnl": 1, **changes}


def one_at_a_time(trades: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> Fills:
    with monkeypatch.context() as patched:
        patched.setattr(fills, "_usual_columns", lambda _: None)
        return fills_of_trades(trades)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"side": "BUY", "fill_qty": np.int64(7), "position": np.int64(4)},
        {"fill_price": 2**53 + 1, "realized_pnl": np.float64(0.1), "pnl": np.int64(-5)},
        {"timestamp": pd.Timestamp("2025-04-14")},
        {"side": "Sell"},
        {"fill_qty": 2.0},
        {"timestamp": pd.Timestamp("2025-04-14 10:00", tz="Asia/Dubai")},
        {"timestamp": "2025-04-14 10:00"},
    ],
)
def test_both_ways_agree_bit_for_bit(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    trades = [trade(), trade(**changes), trade()]

    assert fills_of_trades(trades).digest() == one_at_a_time(trades, monkeypatch).digest()


def test_usual_trades_are_taken_by_columns() -> None:
    columns = fills._usual_columns([trade(), trade(side="buy")])

    assert columns is not None
    assert [column.tolist() for column in columns[1:]] == [[9.75] * 2, [-3, 3], [0.0] * 2, [-3, -3], [1.0] * 2]
    assert np.signbit(columns[3]).all()


@pytest.mark.parametrize(
    "change",
    [
        {"side": "hold"},
        {"fill_qty": 0},
        {"fill_qty": True},
        {"fill_price": float("nan")},
        {"pnl": None},
        {"position": 2**63},
        {"timestamp": pd.NaT},
        {"timestamp": pd.Timestamp("2025-04-14", tz="UTC")},
    ],
)
def test_what_is_not_usual_is_looked_at_trade_by_trade(change: dict[str, object]) -> None:
    assert fills._usual_columns([trade(), trade(**change)]) is None


def test_a_missing_key_is_looked_at_trade_by_trade() -> None:
    incomplete = trade()
    del incomplete["pnl"]

    assert fills._usual_columns([incomplete]) is None
