"""A small made-up market on which most strategies trade, with everything in it that trips them up."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from dbatch.schema import EVENT_COLUMNS, EVENT_TYPES

_DAYS: Final = 3
_ROWS_A_DAY: Final = 1_500
_OPENING: Final = 35_400  # 09:50, in seconds; a day ends at 15:05
_SLOTS: Final = 3_780  # of five seconds each


def synthetic_ticks(seed: int = 1) -> pd.DataFrame:
    """Return 4,500 events of three days (Monday, 2025-01-06, to Wednesday), in the columns of `schema.EVENT_COLUMNS`.

    Quotes and trades a tick or two (0.01) off a price that swings by three per cent around 10.00, twice a day,
    from 09:50 to 15:05. Times tie, and some step back by a second or two; some volumes are 0, some types, prices
    and times are missing, some prices are not above zero. The same `seed` gives the same events.
    """
    rng = np.random.default_rng(seed)
    shape = (_DAYS, _ROWS_A_DAY)
    slots = np.sort(rng.integers(0, _SLOTS, size=shape), axis=1)
    steps_back = rng.choice([0, 1, 2], p=[0.96, 0.03, 0.01], size=shape)
    midnights = np.datetime64("2025-01-06", "s") + (np.arange(_DAYS) * 86_400).astype("timedelta64[s]")
    times = midnights[:, None] + (_OPENING + slots * 5 - steps_back).astype("timedelta64[s]")
    swing = 30 * np.sin(4 * np.pi * slots / _SLOTS + np.arange(_DAYS)[:, None])
    middle = 1_000 + np.round(swing + np.cumsum(rng.normal(0, 0.2, size=shape), axis=1))
    kinds = rng.choice(4, p=[0.36, 0.36, 0.27, 0.01], size=shape)
    side = np.select([kinds == 0, kinds == 1], [-1, 1], rng.choice([-1, 1], size=shape))
    prices = (middle + side * rng.integers(1, 3, size=shape)) / 100
    volumes = rng.choice([0, 100, 700, 3_000, 20_000], p=[0.05, 0.3, 0.3, 0.25, 0.1], size=shape)
    spoilt = rng.choice(5, p=[0.9875, 0.005, 0.0025, 0.0025, 0.0025], size=shape)
    prices = np.select([spoilt == 1, spoilt == 2, spoilt == 3], [np.nan, 0.0, -prices], prices)
    times = np.where(spoilt == 4, np.datetime64("NaT"), times)
    types = np.array([*EVENT_TYPES, None], dtype=object)[kinds]
    columns = (times.astype("datetime64[ns]"), types, prices, volumes.astype("int64"))
    frame = pd.DataFrame({name: column.ravel() for name, column in zip(EVENT_COLUMNS, columns, strict=True)})
    return frame.astype({"type": object})
