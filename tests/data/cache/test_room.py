"""Several jobs at once, and the room that stored events take."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from stored_events import ROWS, another_process, bytes_of, entries, from_source, given

from dbatch.data import cache
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.model import Security, Window
from dbatch.upkeep.gc import collect_cache


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
