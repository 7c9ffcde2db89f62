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

from dbatch.data import parquet, write
from dbatch.data.ahead import ahead
from dbatch.data.events import EVENT_ARROW_SCHEMA, EVENT_TYPE_DICTIONARY
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.errors import DataError

ROWS = 10_000_000
COLUMNS_MIB = ROWS * 25 >> 20
ALLOWED_MIB = 160

READER = """
import json, re, sys
from dbatch.data.market import open_market
from dbatch.data.read import read_events

def peak():  # what getrusage tells is at least that of the process that started this one
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) >> 10

first, whole = (open_market(path).securities[0] for path in sys.argv[1:])
rows = sum(len(block) for block in read_events(first))
before = peak()
rows = sum(len(block) for block in read_events(whole))
streamed = peak() - before
held = list(read_events(whole))
print(json.dumps([rows, streamed, peak() - before]))
"""


def write_trades(path: Path, rows: int, row_group: int) -> None:
    """Write `rows` trades a millisecond apart, at prices and of volumes that do not compress."""
    draw = np.random.default_rng(1)
    columns = {
        "timestamp": pa.array(np.arange(rows) * 1_000_000).cast(pa.timestamp("ns")),
        "type": pa.DictionaryArray.from_arrays(pa.array(np.full(rows, 2, np.int8)), EVENT_TYPE_DICTIONARY),
        "price": draw.random(rows),
        "volume": draw.integers(1, 2**60, rows),
    }
    pq.write_table(pa.table(columns), path, row_group_size=row_group, use_dictionary=["type"])


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak of a process")
@pytest.mark.parametrize("row_group", [1 << 17, ROWS], ids=["row groups", "one row group"])
def test_a_file_streams_in_bounded_memory(tmp_path: Path, row_group: int) -> None:
    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    write_trades(small, 300_000, 1 << 17)
    write_trades(large, ROWS, row_group)

    done = subprocess.run([sys.executable, "-c", READER, small, large], capture_output=True, text=True, check=True)
    rows, streamed, held = json.loads(done.stdout)
    assert rows == ROWS
    assert streamed < ALLOWED_MIB
    assert held > COLUMNS_MIB > ALLOWED_MIB + 50  # what is in memory would be seen


def test_a_large_file_gives_the_same_events_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trades(tmp_path / "aaa.parquet", 1_000, 300)
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
    write_trades(path, 1_000, 300)
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    monkeypatch.setattr(parquet, "_MANY_ROWS", 1)
    (security,) = open_market(tmp_path).securities
    with pytest.raises(DataError, match=r"aaa\.parquet: not readable as Parquet"):
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


# What is written


def batch(rows: int, *, missing: bool = False) -> pa.RecordBatch:
    """Return events that compress badly; with `missing` the first row holds nothing."""
    draw = np.random.default_rng(rows)
    hole = np.arange(rows) < missing
    kinds = pa.array(draw.integers(0, 3, rows, np.int8), mask=hole)
    columns = [
        pa.array(draw.integers(0, 2**62, rows), mask=hole).cast(pa.timestamp("ns")),
        pa.DictionaryArray.from_arrays(kinds, EVENT_TYPE_DICTIONARY),
        pa.array(draw.random(rows), mask=hole),
        pa.array(draw.integers(-(2**63), 2**63 - 1, rows), mask=hole),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENT_ARROW_SCHEMA)


@pytest.mark.parametrize("missing", [(), (0,), (3,)], ids=["nothing", "in the first batch", "in the last batch"])
def test_columns_can_hold_nulls_where_something_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: tuple[int, ...]
) -> None:
    monkeypatch.setattr(write, "ROW_GROUP_ROWS", 100)
    batches = [batch(rows, missing=number in missing) for number, rows in enumerate((130, 220, 10, 5))]
    writer = write.EventWriter(tmp_path / "aaa.parquet", {"security": "AAA"})
    for one in batches:
        writer.add(one)
    writer.close({"note": "x"})
    with pq.ParquetFile(tmp_path / "aaa.parquet") as file:
        assert [field.nullable for field in file.schema_arrow] == [bool(missing)] * 4
        assert [file.metadata.row_group(group).num_rows for group in range(4)] == [100, 100, 100, 65]
        assert {b"dbatch", b"note"} < file.metadata.metadata.keys()
        assert file.read().cast(EVENT_ARROW_SCHEMA).equals(pa.Table.from_batches(batches))


def test_times_and_volumes_are_written_as_differences(tmp_path: Path) -> None:
    writer = write.EventWriter(tmp_path / "aaa.parquet", {})
    writer.add(batch(10))
    writer.close({})
    group = pq.read_metadata(tmp_path / "aaa.parquet").row_group(0)
    has_differences = ["DELTA_BINARY_PACKED" in group.column(column).encodings for column in range(4)]
    assert has_differences == [True, False, False, True]
    assert {group.column(column).compression for column in range(4)} == {"LZ4"}
