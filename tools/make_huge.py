"""Makes one security with as many invented ticks as asked for, written to Parquet as they are made.

    python tools/make_huge.py huge/ticks.parquet [--events 500000000] [--seed 1]

A day has 100,000 events, alike in kinds, sizes and moves to those of a liquid share; memory stays below 300 MB.
"""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from dbatch.data.events import EVENT_ARROW_SCHEMA, EVENT_TYPE_DICTIONARY
from dbatch.data.write import EventWriter

DAY_EVENTS: Final = 100_000
FIRST_DAY: Final = dt.date(2001, 1, 1)
OPEN: Final = 9 * 3600 + 30 * 60
CLOSE: Final = 15 * 3600
QUOTES: Final = (0.35, 0.69)
LOW, HIGH = 1_500, 2_500
BID, ASK, TRADE = 0, 1, 2


def make(path: Path, events: int, seed: int) -> None:
    """Write `events` ticks to `path`; the same numbers for the same seed and version of numpy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = EventWriter(path, {"security": path.stem.upper(), "label": path.stem, "seed": seed})
    for batch in batches(events, seed):
        writer.add(batch)
    writer.close({})


def batches(events: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Yield the ticks day by day, weekends left out."""
    day = int(np.datetime64(FIRST_DAY, "D").astype(int))
    mid = (LOW + HIGH) // 2
    for first in range(0, events, DAY_EVENTS):
        ticks, mid = _day(day, min(DAY_EVENTS, events - first), mid, np.random.default_rng([seed, day]))
        yield ticks
        day += 3 if (day + 3) % 7 == 4 else 1  # day 0 was a Thursday


def _day(day: int, events: int, mid: int, draw: np.random.Generator) -> tuple[pa.RecordBatch, int]:
    """Return the ticks of one day, and the bid at its end, in hundredths."""
    gaps = np.cumsum(draw.exponential(size=events))
    seconds = (OPEN + gaps * ((CLOSE - OPEN - 1) / gaps[-1])).astype(np.int64)
    seconds -= draw.random(events) < 0.001  # some come late
    kinds = np.searchsorted(QUOTES, draw.random(events), side="right").astype(np.int8)
    walk = mid + np.cumsum(np.where(draw.random(events) < 0.04, draw.choice((-1, 1), events), 0))
    bids = HIGH - np.abs((walk - LOW) % (2 * (HIGH - LOW)) - (HIGH - LOW))  # thrown back at both ends
    asks = bids + 1 + (draw.random(events) < 0.1)
    is_at_ask = (kinds == ASK) | ((kinds == TRADE) & (draw.random(events) < 0.5))
    prices = np.where(is_at_ask, asks, bids) / 100.0
    prices[(kinds != TRADE) & (draw.random(events) < 0.0005)] = 0.0  # a side without a quote
    typical = np.where(kinds == TRADE, 100.0, 1_200.0)
    volumes = 10 * np.maximum(1, (typical * np.exp(1.2 * draw.standard_normal(events))).astype(np.int64))
    columns = [
        pa.array((day * 86_400 + seconds) * 1_000_000_000, pa.int64()).cast(pa.timestamp("ns")),
        pa.DictionaryArray.from_arrays(pa.array(kinds), EVENT_TYPE_DICTIONARY),
        pa.array(prices, pa.float64()),
        pa.array(volumes, pa.int64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENT_ARROW_SCHEMA), int(bids[-1])


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--events", type=int, default=500_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    make(chosen.path, chosen.events, chosen.seed)


if __name__ == "__main__":
    main()
