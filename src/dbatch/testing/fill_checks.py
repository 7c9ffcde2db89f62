"""Whether fills are what they must be: each check returns the first fault in one line, or None."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dbatch.data.blocks import EventBlock
from dbatch.schema import FILL_DTYPES
from dbatch.testing.outcome import Outcome

_NUMBERS = ("fill_price", "realized_pnl", "pnl")


def schema_fault(outcome: Outcome) -> str | None:
    """Return the first fill whose values are not those of `schema.FILL_DTYPES`: sides, finite numbers, quantities."""
    fills = outcome.fills
    found = {str(name): str(dtype) for name, dtype in fills.dtypes.items()}
    right = {name: str(pd.Series(dtype=kind).dtype) for name, kind in FILL_DTYPES.items()}  # of this pandas
    if list(found.items()) != list(right.items()):
        return f"columns are {found}, must be {right}"
    for row, fill in enumerate(fills.itertuples(index=False)):
        if fill.side not in ("buy", "sell"):
            return f"fill {row}: side is {fill.side!r}, must be buy or sell"
        if not fill.fill_qty > 0:
            return f"fill {row}: fill_qty is {fill.fill_qty}, must be above 0; the side says which way"
        for name in _NUMBERS:
            if not math.isfinite(getattr(fill, name)):
                return f"fill {row}: {name} is {getattr(fill, name)}, must be a finite number"
    return None


def price_fault(outcome: Outcome) -> str | None:
    """Return the first fill at a price that is not above zero."""
    for row, price in enumerate(outcome.fills["fill_price"]):
        if not price > 0:
            return f"fill {row} is at {price}; was there a price yet? a side of the book may be empty"
    return None


def sum_fault(outcome: Outcome) -> str | None:
    """Return the first fill whose position or running P&L does not follow from the fills up to it.

    Positions must agree to the share. The P&L may be off by a millionth, or by 1e-9 of all that was ever won and
    lost: the order of additions is the strategy's own affair.
    """
    fills = outcome.fills
    signed = np.where(fills["side"] == "buy", fills["fill_qty"], -fills["fill_qty"])
    positions = np.cumsum(signed)
    totals = np.cumsum(fills["realized_pnl"].to_numpy())
    room = 1e-6 + 1e-9 * np.cumsum(np.abs(fills["realized_pnl"].to_numpy()))
    for row in range(len(fills)):
        fill = fills.iloc[row]
        told = f"{fill['side']} {fill['fill_qty']}"
        if fill["position"] != positions[row]:
            before = positions[row] - signed[row]
            return f"fill {row}: {told} after {before} gives {positions[row]}, its position is {fill['position']}"
        if not abs(fill["pnl"] - totals[row]) <= room[row]:
            return f"fill {row}: realized_pnl adds up to {float(totals[row])!r}, its pnl is {float(fill['pnl'])!r}"
    return None


def time_fault(outcome: Outcome, events: EventBlock) -> str | None:
    """Return the first fill whose time is not that of any event."""
    times = outcome.fills["timestamp"].to_numpy("datetime64[ns]").view("int64")
    for row in np.flatnonzero(~np.isin(times, events.timestamps)):
        return f"fill {row} is at {outcome.fills['timestamp'].iloc[row]}, when there is no event"
    return None
