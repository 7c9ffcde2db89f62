"""Made-up ticks: the same for the same seed on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

_FIRST_DAY: Final = np.datetime64("2025-01-06T10:00:00", "ns")
_SESSION_SEC: Final = 4 * 3_600
_DAY_SEC: Final = 86_400


def made_up_ticks(rows: int, *, days: int, seed: int) -> pd.DataFrame:
    """Return `rows` events in turn a bid, an ask and a print, evenly over the sessions of `days` days.

    Columns are those of `schema.EVENT_COLUMNS`; the price is a random walk in steps of a cent.
    """
    rng = np.random.default_rng(seed)
    number = np.arange(rows)
    a_day = -(-rows // days)
    seconds = number // a_day * _DAY_SEC + number % a_day * _SESSION_SEC // a_day
    middle = 10.0 + 0.01 * np.maximum(np.cumsum(rng.integers(-1, 2, rows)), -900)
    kinds = number % 3
    return pd.DataFrame(
        {
            "timestamp": _FIRST_DAY + seconds.astype("timedelta64[s]"),
            "type": np.array(["BID", "ASK", "TRADE"])[kinds],
            "price": np.round(middle + np.array([-0.01, 0.01, 0.0])[kinds], 2),
            "volume": rng.integers(1, 50, rows) * 100,
        }
    )


def write_market(folder: Path, securities: int, rows: int, *, days: int = 20) -> None:
    """Write `securities` Parquet files of `rows` events each into `folder`, which is made."""
    folder.mkdir()
    for number in range(securities):
        made_up_ticks(rows, days=days, seed=number).to_parquet(folder / f"made_up_{number:02d}.parquet", index=False)
