"""What each fill of the closing strategy was for: it follows from the fill and the position before it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

ENTRY: Final = "auction_entry"
EXIT: Final = "vwap_exit"
STOP: Final = "stop_loss"
FLATTEN: Final = "eod_flatten"
_AUCTION_MINUTE: Final = 14 * 60 + 55


def trade_types(fills: Any) -> np.ndarray:
    """Return the type of each of `fills`, an array of text: auction_entry, vwap_exit, stop_loss or eod_flatten.

    `fills` is a DataFrame of this strategy's fills in order of execution, as dbatch writes them: of one security, or
    of several with a column `security`. From 14:55 on an auction fills: it enters where there was no position, and
    ends one that was there. Before, a stop always loses, and an exit at the VWAP, on whose other side it was entered,
    never does.

    >>> import pandas as pd
    >>> times = pd.to_datetime(["2025-04-15 14:55", "2025-04-16 10:00", "2025-04-16 11:30", "2025-04-16 14:56"])
    >>> frame = pd.DataFrame({"timestamp": times, "side": ["buy", "sell", "sell", "sell"], "fill_qty": [9, 2, 3, 4],
    ...                       "realized_pnl": [0.0, 0.1, -0.5, 0.2], "position": [9, 7, 4, 0]})
    >>> trade_types(frame).tolist()
    ['auction_entry', 'vwap_exit', 'stop_loss', 'eod_flatten']
    """
    times = fills["timestamp"]
    quantities = np.where(fills["side"] == "buy", fills["fill_qty"], -fills["fill_qty"])
    was_flat = fills["position"].to_numpy() - quantities == 0
    at_auction = (times.dt.hour * 60 + times.dt.minute).to_numpy() >= _AUCTION_MINUTE
    enters = was_flat | _follows(fills, was_flat)
    loses = fills["realized_pnl"].to_numpy() < 0.0
    types: np.ndarray = np.where(at_auction, np.where(enters, ENTRY, FLATTEN), np.where(loses, STOP, EXIT))
    return types


def _follows(fills: Any, was_flat: np.ndarray) -> np.ndarray:
    """Return which fills come right after an entry at the same auction: without a spread both orders may fill."""
    follows = np.zeros(len(fills), bool)
    times = fills["timestamp"].to_numpy()
    follows[1:] = was_flat[:-1] & (times[1:] == times[:-1])
    if "security" in fills:
        names = fills["security"].to_numpy()
        follows[1:] &= names[1:] == names[:-1]
    return follows
