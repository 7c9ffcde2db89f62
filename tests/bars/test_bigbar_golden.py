"""BigBar against its published trades: the same bars, sizes, prices and P&L, no tolerance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.data.bars import BarBlock
from dbatch.engine.job import run_job
from dbatch_bars.bigbar import WARM_UP, create_bigbar_handler
from dbatch_bars.trades import trade_figures, trade_table

CASES = [("example", 0), ("example", 1), ("example", 2), ("gd5m", 0)]
SETS = [
    {},
    {"atr_period": 10, "k_atr_int": 10, "uptail_max_ratio_int": 9, "previous_weight_int": 1},
    {"atr_period": 50, "k_atr_int": 15, "uptail_max_ratio_int": 8, "previous_weight_int": 2},
]


@pytest.mark.parametrize(("data", "which"), CASES)
def test_published_trades_and_figures_come_out(
    data: str, which: int, golden: Path, golden_bars: Callable[[str], BarBlock]
) -> None:
    bars = golden_bars(f"{data}.csv")
    result = run_job(create_bigbar_handler({}), data, SETS[which], [bars])
    trades = trade_table(result.fills, bars.timestamps, first=WARM_UP)
    published = pd.read_csv(golden / "published" / "bigbar" / f"{data}_{which}.csv", dtype=str)
    for name in ("Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL"):
        assert trades[name].tolist() == published[name].astype(float).tolist(), name
    assert trades["EntryTime"].tolist() == pd.to_datetime(published["EntryTime"], utc=True).tolist()
    assert trades["ExitTime"].tolist() == pd.to_datetime(published["ExitTime"], utc=True).tolist()
    summary = pd.read_csv(golden / "published" / "bigbar" / "summary.csv", dtype=str)
    told = summary[(summary["data"] == f"{data}.csv") & (summary["set"] == str(which))].iloc[0]
    told = told[["equity_final", "trades", "win_rate", "profit_factor", "max_dd_pct", "bars"]].astype(float)
    figures = trade_figures(trades)
    assert result.marked is not None
    assert (result.marked.final, figures["trades"], figures["win_rate"]) == (
        told["equity_final"],
        told["trades"],
        told["win_rate"],
    )
    assert figures["profit_factor"] == pytest.approx(told["profit_factor"], rel=1e-14)
    assert result.marked.share * 100.0 == pytest.approx(-told["max_dd_pct"], rel=1e-13)
    assert len(bars) - WARM_UP == told["bars"]


def test_a_changed_parameter_gives_other_trades(golden_bars: Callable[[str], BarBlock]) -> None:
    bars = golden_bars("example.csv")
    digests = {run_job(create_bigbar_handler({}), "x", section, [bars]).fills.digest() for section in SETS}
    assert len(digests) == len(SETS)


def test_where_bars_are_cut_changes_nothing(golden_bars: Callable[[str], BarBlock]) -> None:
    bars = golden_bars("example.csv")
    whole = run_job(create_bigbar_handler({}), "x", {}, [bars])
    cuts = np.arange(0, len(bars), 7)
    pieces = [bars.rows(slice(begin, begin + 7)) for begin in cuts.tolist()]
    assert run_job(create_bigbar_handler({}), "x", {}, pieces).fills.digest() == whole.fills.digest()
