"""The account of a run: what its securities earned together each day, and what it holds at the end."""

from __future__ import annotations

import numpy as np

from dbatch.results.daily_pnl import Daily
from dbatch.results.run_account import equity_csv, positions_csv


def test_a_day_of_any_security_is_a_day_of_the_run() -> None:
    one = Daily(np.array([20_193, 20_195], np.int32), np.array([10.0, -4.0]))
    other = Daily(np.array([20_195, 20_196], np.int32), np.array([1.5, 2.0]))

    assert equity_csv([one, other]).decode().splitlines() == [
        "date,pnl,equity",
        "2025-04-15,10.0,1000010.0",
        "2025-04-17,-2.5,1000007.5",
        "2025-04-18,2.0,1000009.5",
    ]


def test_positions_are_those_at_the_end_and_no_name_is_a_formula() -> None:
    held = {"security": "=A1", "position": -300, "realized_pnl": 12.5, "total_pnl": None, "key": "k"}

    assert positions_csv([held]).decode().splitlines() == [
        "security,position,realized_pnl,total_pnl",
        "'=A1,-300,12.5,",
    ]
