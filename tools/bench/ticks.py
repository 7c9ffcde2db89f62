"""The events that measurements run over, in memory and read-only, as a worker has them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE_TILES = 40
DAY = 86_400_000_000_000
WHOLE = 10**9
GOLDEN = "golden ticks"


def golden_folder() -> Path:
    """Return where the real data are, or would be."""
    return Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT / "../shared/golden"))


def load(data: Path | None) -> tuple[str, dict[str, EventBlock]]:
    """Return where the events came from, and the events of each security: `data`, the real ticks or the sample."""
    golden = golden_folder() / "ticks"
    folder = data or (golden if golden.is_dir() else None)
    origin = "given data" if data else GOLDEN
    market = open_market(str(folder or sample_path()))
    events = {found.name: _one(list(read_events(found, WHOLE))) for found in market.securities}
    if folder is None:
        origin = f"sample tiled {SAMPLE_TILES} times"
        events = {name: _tiled(block) for name, block in events.items()}
    for column in (column for block in events.values() for column in block):
        column.flags.writeable = False
    return origin, events


def _one(blocks: list[EventBlock]) -> EventBlock:
    """Return `blocks` as one, in arrays of its own."""
    return EventBlock(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))


def _tiled(block: EventBlock) -> EventBlock:
    """Return `block` repeated, every copy a span of whole days later than the one before."""
    span = (int(block.timestamps.max() - block.timestamps.min()) // DAY + 1) * DAY
    return _one([EventBlock(block.timestamps + i * span, *tuple(block)[1:]) for i in range(SAMPLE_TILES)])
