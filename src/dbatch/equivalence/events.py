"""The events around a moment, so that a difference can be understood."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from dbatch.model import Security, Window
from dbatch.reference.plain_read import read_whole
from dbatch.schema import EVENT_TYPES

_AROUND = 3
_MOST = 12


def events_around(security: Security, window: Window, moment: datetime) -> tuple[dict[str, Any], ...]:
    """Return the events at `moment` and three before and after, at most twelve, as they stand in the source.

    Each is a dict of `row` (from 0), `timestamp`, `type`, `price`, `volume`. Raises DataError as reading does.
    """
    events = read_whole(security, window)
    exact = moment.to_datetime64() if hasattr(moment, "to_datetime64") else moment  # pandas' have nanoseconds
    at = np.flatnonzero(events.timestamps == np.datetime64(exact, "ns").astype("int64"))
    if not len(at):
        return ()
    first = max(int(at[0]) - _AROUND, 0)
    last = min(int(at[-1]) + _AROUND + 1, len(events), first + _MOST)
    names = [*EVENT_TYPES, None]
    return tuple(
        {
            "row": row,
            "timestamp": str(events.timestamps[row : row + 1].view("datetime64[ns]")[0]),
            "type": names[min(int(events.kinds[row]), len(EVENT_TYPES))],
            "price": float(events.prices[row]),
            "volume": int(events.volumes[row]),
        }
        for row in range(first, last)
    )
