"""When events are stored, and how much of them a process holds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from stored_events import DAY, ROWS, WINDOWS, another_process, damage, entries, from_source, given, no_source, write

from dbatch.data import cache, cache_columns, cache_record
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.errors import UsageError
from dbatch.model import Security, Window


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
