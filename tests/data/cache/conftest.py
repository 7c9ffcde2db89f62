"""An empty cache for each test, and events to store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data import cache_columns
from dbatch.data.market import open_market
from dbatch.model import Security

sys.path.append(str(Path(__file__).parent))  # with importlib's import mode what lies here is no importable name

from stored_events import DAY, ROWS, SEGMENT, another_process


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache in small segments, and a process that has nothing open; yields where events are stored."""
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_columns, "SEGMENT_ROWS", SEGMENT)

    another_process()
    yield tmp_path / "cache" / "events"
    another_process()


@pytest.fixture
def security(tmp_path: Path) -> Security:
    """A thousand events over five days: some without a time, some late by a day, cells missing here and there."""
    draw = np.random.default_rng(7)
    times = 20_000 * DAY + np.sort(draw.integers(0, 5 * DAY, ROWS))
    times[::97] -= DAY
    table = pa.table(
        {
            "timestamp": pa.array(times, pa.int64(), mask=draw.random(ROWS) < 0.02).cast(pa.timestamp("ns")),
            "type": pa.array(draw.choice(["bid", "ask", "trade", "other"], ROWS).tolist()),
            "price": pa.array(draw.random(ROWS), mask=draw.random(ROWS) < 0.02),
            "volume": pa.array(draw.integers(0, 2**40, ROWS)),
        }
    )
    (tmp_path / "ticks").mkdir()
    pq.write_table(table, tmp_path / "ticks" / "aaa.parquet")
    return open_market(tmp_path / "ticks").securities[0]
