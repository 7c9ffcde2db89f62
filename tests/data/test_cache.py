"""Stored events: the same as from the source, whatever happens to what is stored."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data import cache, cache_columns, cache_record
from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock, within
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint, read_events
from dbatch.errors import UsageError
from dbatch.model import Security, Window
from dbatch.upkeep.gc import collect_cache

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


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache in small segments, and a process that has nothing open; yields where events are stored."""
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_columns, "SEGMENT_ROWS", SEGMENT)

    another_process()
    yield tmp_path / "cache" / "events"
    another_process()


def another_process() -> None:
    cache._OPEN.clear()
    cache._NOT_STORED.clear()


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


Given = namedtuple("Given", ["events", "faults"])


def given(security: Security, window: Window = Window(), *, keep: bool = True, print_: str | None = None) -> Given:  # noqa: B008
    """Return the events as one array of bytes a column, and the lines about faults."""
    faults = Faults()
    print_ = fingerprint(security.source) if print_ is None else print_
    blocks = cache.cached_events(security, print_, 100, window, faults, keep=keep)
    return Given(bytes_of(list(blocks)), faults.lines())


def bytes_of(blocks: list[EventBlock]) -> list[bytes]:
    return [b"".join(column.tobytes() for column in columns) for columns in zip(*blocks, strict=True)] or [b""] * 4


def from_source(security: Security, window: Window) -> list[bytes]:
    return bytes_of(list(within(read_events(security), window)))


def no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on nothing can be read from a source."""
    monkeypatch.setattr(cache, "read_events", lambda *arguments: pytest.fail("the source was read"))


def entries(place: Path) -> list[Path]:
    return sorted(place.iterdir()) if place.exists() else []


# The same events


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


# When events are stored


def test_a_run_stores_nothing_and_uses_what_a_batch_stored(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = given(security, keep=False)
    assert entries(place) == []
    given(security)
    no_source(monkeypatch)
    assert given(security, keep=False) == expected


def test_events_that_nobody_looks_at_to_the_end_are_not_stored(security: Security, place: Path) -> None:
    for _ in range(2):
        events = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=True)
        next(events)
        events.close()
        assert entries(place) == []
    given(security)
    assert len(entries(place)) == 1


def test_a_source_that_was_changed_since_the_plan_is_not_stored(security: Security, place: Path) -> None:
    before = fingerprint(security.source)
    write(Path(security.source.paths[0]), [20_000 * DAY])
    given(security, print_=before)
    assert entries(place) == []


def test_another_content_under_the_same_path_is_not_mistaken(security: Security) -> None:
    given(security)
    write(Path(security.source.paths[0]), [20_000 * DAY])
    assert given(security).events[0] == np.array([20_000 * DAY]).tobytes()


def test_size_0_stores_and_uses_nothing(security: Security, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(security)
    stored = entries(place)
    damage(stored[0] / "prices", 0)  # whoever looked at it would remove it
    another_process()
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "0")
    assert given(security).events == from_source(security, Window())
    assert entries(place) == stored


def test_a_size_that_is_none_is_refused(security: Security, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "much")
    with pytest.raises(UsageError, match=r"DBATCH_CACHE_SIZE=much: must be a size above zero .*, or 0 for none"):
        given(security)


def test_without_a_cache_that_can_be_written_events_are_held_in_memory(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "file" / "below"))
    expected = {window: from_source(security, window) for window in WINDOWS[:5]}
    given(security)
    no_source(monkeypatch)
    assert {window: given(security, window).events for window in WINDOWS[:5]} == expected


def test_events_too_many_to_hold_are_read_again(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "1000")
    monkeypatch.setattr(cache_record, "MOST_MAPPED_BYTES", 1_000)
    for _ in range(2):
        assert given(security).events == from_source(security, Window())
    assert entries(place) == []
    assert not cache._OPEN


def test_maps_beyond_what_a_process_may_hold_are_let_go_of(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "bbb.parquet"
    write(other, [20_000 * DAY] * ROWS)
    monkeypatch.setattr(cache, "MOST_MAPPED_BYTES", 30_000)
    for one in (security, open_market(other).securities[0]) * 2:
        assert given(one).events == from_source(one, Window())
        assert len(cache._OPEN) <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is in memory")
@pytest.mark.parametrize("most", [1 << 30, 0], ids=["small", "large"])
def test_of_large_columns_what_went_by_is_not_kept_in_memory(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    write(tmp_path / "aaa.parquet", [20_000 * DAY] * 100_000)
    (security,) = open_market(tmp_path / "aaa.parquet").securities
    given(security)
    another_process()
    monkeypatch.setattr(cache_columns, "MOST_MAPPED_BYTES", most)
    monkeypatch.setattr(cache_columns, "_LET_GO_ROWS", 1_000)
    monkeypatch.setattr(cache, "_MAPPED_ROWS", 1_000)
    print_ = fingerprint(security.source)
    for block in cache.cached_events(security, print_, 100, Window(), Faults(), keep=False):
        assert block.prices.sum() == len(block)
    assert [mapped.size for mapped in cache._OPEN.values()] == [2_500_000]
    assert (kept_in_memory(place) < 100) == (most == 0)


def kept_in_memory(place: Path) -> int:
    """Return how many KiB of the files below `place` this process holds."""
    found, is_ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if line[0].isdigit() or line[0] in "abcdef":
            is_ours = str(place) in line
        elif is_ours and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found


# What happens to what is stored


def damage(path: Path, offset: int) -> None:
    """Change one bit of the file."""
    with open(path, "r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("offset", [0, -1])
@pytest.mark.parametrize("name", [*COLUMNS, "facts.json"])
def test_a_changed_bit_changes_no_result_and_is_stored_anew(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch, name: str, offset: int
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    damage(stored / name, offset)
    another_process()
    assert given(security) == expected
    given(security)  # where a part of the damaged events was given out, the next job stores them
    another_process()
    no_source(monkeypatch)
    assert given(security) == expected


def test_a_changed_bit_would_be_seen_without_the_checksums(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    damage(stored / "prices", -1)
    another_process()
    monkeypatch.setattr(cache_columns.Columns, "_check", lambda *arguments: None)
    assert given(security) != expected


def test_events_before_the_damage_are_given_out_once(
    security: Security, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_MAPPED_ROWS", 1)  # blocks of 100, as asked for
    for window in (Window(), Window(20_001, 20_003)):
        expected = given(security, window)
        (stored,) = entries(place)
        damage(stored / "volumes", 8 * 3 * SEGMENT)  # of the last segment
        another_process()
        assert given(security, window) == expected
        assert entries(place) == []
        given(security)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("ruin", [lambda path: os.truncate(path, 999), os.remove], ids=["cut off", "removed"])
def test_files_that_are_cut_off_or_gone_are_stored_anew(
    security: Security, place: Path, name: str, ruin: Callable[[Path], None]
) -> None:
    expected = given(security)
    (stored,) = entries(place)
    ruin(stored / name)
    another_process()
    assert given(security) == expected
    assert (stored / name).stat().st_size == ROWS * (1 if name == "kinds" else 8)


def test_an_entry_without_its_facts_is_stored_anew(security: Security, place: Path) -> None:
    expected = given(security)
    (stored,) = entries(place)
    (stored / "facts.json").unlink()
    another_process()
    assert given(security) == expected
    assert (stored / "facts.json").exists()


def test_zeros_exchanged_words_and_bits_of_many_words_are_seen() -> None:
    column = np.arange(1, SEGMENT + 1)
    exchanged = column.copy()
    exchanged[[3, 40]] = column[[40, 3]]
    pieces = [np.zeros_like(column), exchanged, column[::-1].copy()]
    for bit in range(64):
        for rows in ([3, 40], [0, 1, 2, 3], range(SEGMENT)):
            flipped = column.view(np.uint64).copy()
            flipped[rows] ^= np.uint64(1 << bit)
            pieces.append(flipped)
    assert cache_columns._checksum(column) not in {cache_columns._checksum(piece) for piece in pieces}


@pytest.mark.parametrize("length", [1, 7, 8, 9, 255])
def test_every_byte_counts(length: int) -> None:
    column = np.zeros(length, np.int8)
    for place in range(length):
        changed = column.copy()
        changed[place] = 1
        assert cache_columns._checksum(changed) != cache_columns._checksum(column)


def test_what_was_removed_while_it_is_mapped_goes_on(security: Security, place: Path) -> None:
    expected = given(security)
    blocks = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=False)
    first = next(blocks)
    shutil.rmtree(place)
    assert bytes_of([first, *blocks]) == expected.events


# Several at once


def test_threads_that_begin_at_the_same_time_all_get_the_events(security: Security, place: Path) -> None:
    expected = from_source(security, Window())
    barrier = threading.Barrier(4)
    found: list[list[bytes]] = []

    def one() -> None:
        barrier.wait()
        found.extend(given(security).events for _ in range(3))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 12
    assert [entry.name.startswith(".") for entry in entries(place)] == [False]


def test_who_is_slower_leaves_nothing_behind(security: Security, place: Path) -> None:
    slower = cache.cached_events(security, fingerprint(security.source), 100, Window(), Faults(), keep=True)
    first = next(slower)
    another_process()
    expected = given(security).events
    (stored,) = entries(place)[-1:]
    before = (stored / "facts.json").stat().st_mtime_ns
    assert bytes_of([first, *slower]) == expected
    assert entries(place) == [stored]
    assert (stored / "facts.json").stat().st_mtime_ns == before


# Room


def entry_of(place: Path, name: str, size: int, age: float) -> Path:
    """Make something that was used `age` seconds ago."""
    path = place / name
    path.mkdir(parents=True)
    (path / "prices").write_bytes(bytes(size))
    used = time.time() - age
    for one in (path / "prices", path):
        os.utime(one, (used, used))
    return path


def test_the_longest_unused_make_room(security: Security, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, older, newer = (entry_of(place, name, 40_000, age) for name, age in (("a", 9e5), ("b", 8e5), ("c", 7e5)))
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "70kB")  # 25,000 bytes of columns, some of facts, and one of the others
    given(security)
    assert [path.exists() for path in (oldest, older, newer)] == [False, False, True]
    assert len(entries(place)) == 2


def test_what_is_in_use_keeps_its_room(security: Security, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = entry_of(place, "a", 40_000, 60.0)
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "60kB")
    given(security)
    assert entries(place) == [used]


def test_what_turns_out_too_large_is_not_stored(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aaa.csv"  # which does not say how many rows it has
    path.write_text("timestamp,type,price,volume\n" + "2025-04-14 10:00,bid,1,1\n" * ROWS)
    security = open_market(path).securities[0]
    monkeypatch.setenv("DBATCH_CACHE_SIZE", "10kB")
    assert given(security).events == from_source(security, Window())
    assert entries(place) == []


def test_using_events_keeps_them(security: Security, place: Path) -> None:
    given(security)
    (stored,) = entries(place)
    long_ago = time.time() - 40 * 86_400
    for path in (*stored.iterdir(), stored):
        os.utime(path, (long_ago, long_ago))
    another_process()
    given(security)
    assert collect_cache(older_than=30 * 86_400, max_size=5 << 30) == []
    assert stored.exists()


def test_collecting_the_cache_removes_unused_events_and_what_killed_processes_left(place: Path) -> None:
    old = entry_of(place, "a", 100, 40 * 86_400)
    left, begun = entry_of(place, ".new-123456", 100, 7_200), entry_of(place, ".new-abcdef", 100, 60)

    (freed,) = collect_cache(older_than=30 * 86_400, max_size=5 << 30)
    assert (freed.place, freed.count) == (place, 1)
    assert [path.exists() for path in (old, left, begun)] == [False, False, True]


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
