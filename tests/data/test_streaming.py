"""Files larger than memory: how much of one is in memory at a time, and threads that decode ahead."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data import parquet
from dbatch.data.ahead import ahead
from dbatch.data.events import EVENT_ARROW_SCHEMA, EVENT_TYPE_DICTIONARY
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.write import EventWriter
from dbatch.errors import DataError

ROWS = 4_000_000
COLUMNS_MIB = ROWS * 25 >> 20
ALLOWED_MIB = 48

READER = """
import json, resource, sys
from dbatch.data.market import open_market
from dbatch.data.read import read_events

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

first, whole = (open_market(path).securities[0] for path in sys.argv[1:])
rows = sum(len(block) for block in read_events(first))
before = peak()
rows = sum(len(block) for block in read_events(whole))
streamed = peak() - before
held = list(read_events(whole))
print(json.dumps([rows, streamed, peak() - before]))
"""


def write(path: Path, rows: int, row_group: int) -> None:
    """Write `rows` trades a millisecond apart, at prices and of volumes that do not compress."""
    draw = np.random.default_rng(1)
    columns = {
        "timestamp": pa.array(np.arange(rows) * 1_000_000).cast(pa.timestamp("ns")),
        "type": pa.DictionaryArray.from_arrays(pa.array(np.full(rows, 2, np.int8)), EVENT_TYPE_DICTIONARY),
        "price": draw.random(rows),
        "volume": draw.integers(1, 2**60, rows),
    }
    pq.write_table(pa.table(columns), path, row_group_size=row_group, use_dictionary=["type"])


@pytest.mark.skipif(sys.platform != "linux", reason="counts the peak of a process in KiB")
@pytest.mark.parametrize("row_group", [1 << 17, ROWS], ids=["row groups", "one row group"])
def test_a_file_streams_in_bounded_memory(tmp_path: Path, row_group: int) -> None:
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    write(small, 300_000, 1 << 17)
    write(large, ROWS, row_group)

    done = subprocess.run([sys.executable, "-c", READER, small, large], capture_output=True, text=True, check=True)
    rows, streamed, held = json.loads(done.stdout)
    assert rows == ROWS
    assert streamed < ALLOWED_MIB
    assert held > COLUMNS_MIB - ALLOWED_MIB > ALLOWED_MIB  # what is in memory would be seen


def test_a_large_file_gives_the_same_events_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "aaa.parquet", 1_000, 300)
    (security,) = open_market(tmp_path / "aaa.parquet").securities
    small = [np.concatenate(columns) for columns in zip(*read_events(security, 70), strict=True)]
    monkeypatch.setattr(parquet, "_MANY_ROWS", 1)
    monkeypatch.setattr(parquet, "_GROUP_ROWS", 100)
    blocks = list(read_events(security, 70))
    assert max(map(len, blocks)) == 70
    for before, now in zip(small, zip(*blocks, strict=True), strict=True):
        np.testing.assert_array_equal(before, np.concatenate(now))


def test_a_large_file_that_is_damaged_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aaa.parquet"
    write(path, 1_000, 300)
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    monkeypatch.setattr(parquet, "_MANY_ROWS", 1)
    (security,) = open_market(tmp_path).securities
    with pytest.raises(DataError, match="aaa.parquet: not readable as Parquet"):
        list(read_events(security))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_what_is_made_ahead_comes_in_order_and_from_one_other_thread() -> None:
    makers = set()

    def numbers() -> Iterator[int]:
        for number in range(10):
            makers.add(threading.get_ident())
            yield number

    assert list(ahead(numbers())) == list(range(10))
    assert len(makers - {threading.get_ident()}) == 1


def test_what_fails_ahead_fails_after_what_was_made_before() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise DataError("torn")

    found = []
    with pytest.raises(DataError, match="torn"):
        found.extend(ahead(numbers()))
    made = ahead(numbers())
    assert next(made) == 1


def test_leaving_early_closes_what_makes_ahead() -> None:
    closed = threading.Event()
    made = []

    def numbers() -> Iterator[int]:
        try:
            for number in range(1_000):
                made.append(number)
                yield number
        finally:
            closed.set()

    items = ahead(numbers())
    assert next(items) == 0
    items.close()
    assert closed.is_set()
    assert len(made) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_written_files_hold_differences_of_times_and_volumes(tmp_path: Path) -> None:
    columns = [
        pa.array([2, None, 1], pa.timestamp("ns")),
        pa.DictionaryArray.from_arrays(pa.array([0, None, 2], pa.int8()), EVENT_TYPE_DICTIONARY),
        pa.array([1.5, None, 2.5]),
        pa.array([2**63 - 1, None, -(2**63)]),
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=EVENT_ARROW_SCHEMA)
    writer = EventWriter(tmp_path / "aaa.parquet", {})
    writer.add(batch)
    writer.close({})
    with pq.ParquetFile(tmp_path / "aaa.parquet") as file:
        group = file.metadata.row_group(0)
        assert [group.column(column).compression for column in range(4)] == ["LZ4"] * 4
        assert ["DELTA_BINARY_PACKED" in group.column(column).encodings for column in range(4)] == [
            True, False, False, True
        ]  # fmt: skip
        assert file.read().equals(pa.Table.from_batches([batch]), check_metadata=False)
