"""What fills of the closing strategy were for, where the published ones do not say; worked by hand."""

from __future__ import annotations

import pandas as pd

from dbatch_closing.trade_types import trade_types


def fills(*rows: str) -> pd.DataFrame:
    """Return fills written as "SECURITY 2025-04-15T14:55 buy 10 0.0 10": side, quantity, realised, position."""
    cells = [row.split() for row in rows]
    return pd.DataFrame(
        {
            "security": [cell[0] for cell in cells],
            "timestamp": pd.to_datetime([cell[1] for cell in cells]),
            "side": [cell[2] for cell in cells],
            "fill_qty": [int(cell[3]) for cell in cells],
            "realized_pnl": [float(cell[4]) for cell in cells],
            "position": [int(cell[5]) for cell in cells],
        }
    )


def test_without_a_spread_both_orders_of_an_auction_enter() -> None:
    both = fills("A 2025-04-15T14:55:03 buy 10 0.0 10", "A 2025-04-15T14:55:03 sell 10 0.0 0")
    assert trade_types(both).tolist() == ["auction_entry", "auction_entry"]


def test_a_flatten_after_another_security_s_entry_is_a_flatten() -> None:
    two = fills("A 2025-04-15T14:55:03 buy 10 0.0 10", "B 2025-04-15T14:55:03 sell 4 -0.5 0")
    assert trade_types(two).tolist() == ["auction_entry", "eod_flatten"]


def test_a_short_position_is_told_like_a_long_one() -> None:
    short = fills(
        "A 2025-04-15T15:10:00 sell 10 0.0 -10",
        "A 2025-04-16T10:00:00 buy 3 0.0 -7",
        "A 2025-04-16T14:43:59 buy 7 -2.0 0",
    )
    assert trade_types(short).tolist() == ["auction_entry", "vwap_exit", "stop_loss"]


def test_no_fills_have_no_types() -> None:
    assert trade_types(fills().astype({"timestamp": "datetime64[ns]"})).tolist() == []
