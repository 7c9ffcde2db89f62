"""Stored events as tests look at them: what a job is given, what is in the folder, and how to damage it."""

from __future__ import annotations

import os
from collections import namedtuple
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data import cache
from dbatch.data.blocks import EventBlock, within
from dbatch.data.faults import Faults
from dbatch.data.read import fingerprint, read_events
from dbatch.model import Security, Window

DAY = 86_400_000_000_000
ROWS = 1_000
SEGMENT = 256
COLUMNS = ("timestamps", "kinds", "prices", "volumes")
WINDOWS = (
    Window(),
    Window(start_day=20_002),
    Window(end_day=20_003),
    Window(20_001, 20_001),
    Window(20_050, 20_060),
    Window(only_trades=True),
    Window(20_001, 20_003, only_trades=True),
)


Given = namedtuple("Given", ["events", "faults"])


def given(security: Security, window: Window = Window(), *, keep: bool = True, print_: str | None = None) -> Given:  # noqa: B008 - frozen
    """Return the events as one array of bytes a column, and the lines about faults."""
    faults = Faults()
    print_ = fingerprint(security.source) if print_ is None else print_
    blocks = cache.cached_events(security, print_, 100, window, faults, keep=keep)
    return Given(bytes_of(list(blocks)), faults.lines())


def another_process() -> None:
    cache._OPEN.clear()
    cache._NOT_STORED.clear()


def bytes_of(blocks: list[EventBlock]) -> list[bytes]:
    return [b"".join(column.tobytes() for column in columns) for columns in zip(*blocks, strict=True)] or [b""] * 4


def from_source(security: Security, window: Window) -> list[bytes]:
    return bytes_of(list(within(read_events(security), window)))


def no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing can be read from a source."""
    monkeypatch.setattr(cache, "read_events", lambda *arguments: pytest.fail("the source was read"))


def entries(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.exists() else []


def write(path: Path, times: list[int], **options: Any) -> None:
    """Write trades at `times`, whose volume is the number of the row."""
    rows = len(times)
    columns = {
        "timestamp": pa.array(times, pa.int64()).cast(pa.timestamp("ns")),
        "type": ["trade"] * rows,
        "price": [1.0] * rows,
        "volume": list(range(rows)),
    }
    pq.write_table(pa.table(columns), path, **options)


def damage(path: Path, offset: int) -> None:
    """Change one bit of the file."""
    with open(path, "r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
