"""Round trips as tables of trades that other backtesters write: what was held from which bar to which."""

from __future__ import annotations

from typing import Any

import numpy as np

TRADE_COLUMNS = ("Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL", "EntryTime", "ExitTime")


def trade_table(fills: Any, timestamps: np.ndarray, *, first: int = 0) -> Any:
    """Return a DataFrame of `TRADE_COLUMNS`, a row for each position that one fill opened and one closed, in order.

    `fills` are a job's; bars are counted in `timestamps` (int64 nanoseconds, rising) from row `first` on, times are
    UTC. Raises ValueError for fills that add to a position, or close a part of it: those are no trades of this table.
    """
    import pandas as pd

    entries, exits = slice(0, len(fills) // 2 * 2, 2), slice(1, None, 2)
    sizes, positions = fills.quantities[entries], fills.positions
    if positions[exits].any() or (positions[entries] != sizes).any():
        raise ValueError("a fill adds to a position or closes a part of it; trades are one fill in, one out")
    times = [fills.timestamps[which] for which in (entries, exits)]
    bars = [np.searchsorted(timestamps, each) - first for each in times]
    pnl = fills.realized[entries] + fills.realized[exits]
    columns = (
        sizes,
        *bars,
        fills.prices[entries],
        fills.prices[exits],
        pnl,
        *(pd.to_datetime(each, utc=True) for each in times),
    )
    return pd.DataFrame(dict(zip(TRADE_COLUMNS, columns, strict=True)))


def trade_figures(trades: Any) -> dict[str, float]:
    """Return `trades`, `win_rate` in per cent, and `profit_factor` of a table of trades, NaN without any.

    The profit factor is of returns: what winning trades returned, in shares of their entry value, by what losing ones
    lost, each trade counting alike whatever its size.
    """
    returns = np.sign(trades["Size"]) * (trades["ExitPrice"] / trades["EntryPrice"] - 1.0)
    lost = -returns[returns < 0].sum()
    return {
        "trades": len(trades),
        "win_rate": float((trades["PnL"] > 0).mean() * 100.0),
        "profit_factor": float(returns[returns > 0].sum() / lost) if lost else float("nan"),
    }
