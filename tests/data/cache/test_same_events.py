"""Stored events: the same as from the source, whatever is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stored_events import DAY, WINDOWS, another_process, entries, from_source, given, no_source, write

from dbatch.data import cache, cache_record
from dbatch.data.blocks import NOT_A_TIME, OTHER
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.model import Security, Window


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_events_are_the_same_while_they_are_stored_and_from_the_cache(
    security: Security, monkeypatch: pytest.MonkeyPatch, window: Window
) -> None:
    expected = from_source(security, window)
    assert given(security, window).events == expected
    another_process()
    no_source(monkeypatch)
    assert given(security, window).events == expected


def test_what_one_window_stored_serves_the_others(security: Security, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {window: from_source(security, window) for window in WINDOWS}
    given(security, Window(20_001, 20_001))
    given(security, Window(20_001, 20_001, only_trades=True))
    no_source(monkeypatch)
    assert {window: given(security, window).events for window in WINDOWS} == expected


def test_days_that_change_too_often_to_be_noted_are_looked_for(
    security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_record, "_MOST_RUNS", 3)
    expected = {window: from_source(security, window) for window in WINDOWS[:5]}
    given(security)
    no_source(monkeypatch)
    assert {window: given(security, window).events for window in WINDOWS[:5]} == expected


def test_rows_at_midnight_belong_to_the_day_that_begins(tmp_path: Path) -> None:
    write(tmp_path / "aaa.parquet", [20_000 * DAY - 1, 20_000 * DAY, 20_001 * DAY - 1, 20_001 * DAY])
    security = open_market(tmp_path / "aaa.parquet").securities[0]
    for _ in range(2):  # from the source, and from the cache
        assert given(security, Window(20_000, 20_000)).events[3] == np.array([1, 2]).tobytes()


def test_faults_are_told_the_same_by_the_name_that_the_file_has(tmp_path: Path, place: Path) -> None:
    lines = ["timestamp,type,price,volume", "2025-04-14 10:00,bid,n/a,1", "noon,ask,1.0,1.5", "2025-04-14 10:01,,1,1"]
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for path in (first, second):
        path.write_text("\n".join(lines))
    for path in (first, second):
        security = open_market(path).securities[0]
        read = given(security)
        another_process()
        mapped = given(security)
        assert mapped == read
        assert any(f"{path.name}:2 'n/a'" in line for line in mapped.faults)
    assert len(entries(place)) == 2


def test_a_source_without_events_is_stored_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "aaa.parquet", [])
    security = open_market(tmp_path / "aaa.parquet").securities[0]
    print_ = fingerprint(security.source)
    given(security, print_=print_)
    another_process()
    no_source(monkeypatch)
    assert given(security, print_=print_).events == [b""] * 4


def test_blocks_from_the_cache_cannot_be_written_to(security: Security) -> None:
    given(security)
    another_process()
    (block,) = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=False)
    assert [column.dtype.name for column in block] == ["int64", "int8", "float64", "int64"]
    assert all(column.flags.c_contiguous and not column.flags.writeable for column in block)


def test_the_codes_of_missing_values_are_those_of_blocks(tmp_path: Path) -> None:
    table = {
        "timestamp": pa.array([None], pa.timestamp("ns")),
        "type": pa.array([None], pa.string()),
        "price": pa.array([None], pa.float64()),
        "volume": pa.array([None], pa.int64()),
    }
    pq.write_table(pa.table(table), tmp_path / "aaa.parquet")
    security = open_market(tmp_path / "aaa.parquet").securities[0]
    given(security)
    another_process()
    (block,) = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=False)
    assert (block.timestamps[0], block.kinds[0], block.volumes[0]) == (NOT_A_TIME, OTHER, 0)
    assert np.isnan(block.prices[0])
