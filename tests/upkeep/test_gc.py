"""What nothing needs goes; what may be needed stays."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dbatch.errors import LockedError, OutputError
from dbatch.model import Receipt
from dbatch.results.folder import locked
from dbatch.upkeep.gc import collect_cache, collect_folder

MakeBatch = Callable[..., Path]
MakeReceipt = Callable[..., Receipt]
MakePart = Callable[..., list[Receipt]]
Contents = Callable[[Path], dict[str, bytes]]

DAY = 86_400.0
FIVE_GIB = 5 << 30


def test_parts_that_no_receipt_speaks_of_go_and_adoptable_ones_stay(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart
) -> None:
    folder = make_batch(done=[0])
    (kept,) = folder.glob("parts/*/*.parquet")
    (adoptable,) = make_part(folder, [made_receipt(1, "AAA")])
    (useless,) = make_part(folder, [made_receipt(99, "AAA")])
    size = (folder / useless.part).stat().st_size

    (freed,) = collect_folder(folder)
    assert (freed.what, freed.count, freed.size) == ("parts", 1, size)
    assert freed.kept == "1 parts hold results that the ledger lacks; 'dbatch resume' adopts them"
    assert sorted(folder.glob("parts/*/*.parquet")) == sorted([kept, folder / adoptable.part])


def test_unfinished_files_go(make_batch: MakeBatch) -> None:
    folder = make_batch()
    (folder / ".a1b2c3d4.tmp").write_bytes(b"12345")

    (freed,) = collect_folder(folder)
    assert (freed.what, freed.count, freed.size) == ("unfinished files", 1, 5)
    assert not (folder / ".a1b2c3d4.tmp").exists()
    assert collect_folder(folder) == []


def test_a_dry_run_tells_the_same_and_removes_nothing(
    make_batch: MakeBatch, made_receipt: MakeReceipt, make_part: MakePart, contents: Contents
) -> None:
    folder = make_batch()
    make_part(folder, [made_receipt(99, "AAA")])
    (folder / ".a1b2c3d4.tmp").write_bytes(b"12345")
    before = contents(folder)

    would = collect_folder(folder, dry_run=True)
    assert contents(folder) == before
    assert collect_folder(folder) == would


def test_a_folder_that_a_driver_writes_in_is_let_be(make_batch: MakeBatch) -> None:
    folder = make_batch()

    with locked(folder), pytest.raises(LockedError):
        collect_folder(folder)


def test_a_folder_of_something_else_is_refused_and_nothing_in_it_touched(tmp_path: Path) -> None:
    (tmp_path / ".a1b2c3d4.tmp").write_text("")

    with pytest.raises(OutputError):
        collect_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".a1b2c3d4.tmp"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float, int], Path]:
    """Make an entry of the cache that was used so many seconds ago, of so many bytes."""
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "cache"))

    def make(name: str, age: float, size: int = 100) -> Path:
        entry = tmp_path / "cache" / name
        (entry / "inner").mkdir(parents=True)
        used = time.time() - age
        (entry / "inner" / "data").write_bytes(bytes(size))
        for path in (entry / "inner" / "data", entry / "inner", entry):
            os.utime(path, (used, used))
        return entry

    return make


def test_what_was_not_used_for_long_leaves_the_cache(cache: Callable[..., Path]) -> None:
    old, new = cache("kernels/old", 31 * DAY), cache("kernels/new", 29 * DAY)
    table = cache("excel/old", 31 * DAY, 50)
    other = cache("notes/old", 99 * DAY)

    freed = collect_cache(older_than=30 * DAY, max_size=FIVE_GIB)
    assert [(one.place.name, one.count, one.size) for one in freed] == [("excel", 1, 50), ("kernels", 1, 100)]
    assert [path.exists() for path in (old, table, new, other)] == [False, False, True, True]


def test_beyond_the_largest_size_the_oldest_go_first(cache: Callable[..., Path]) -> None:
    entries = [cache(f"kernels/{age}", age * DAY) for age in (3, 1, 2)]

    collect_cache(older_than=30 * DAY, max_size=200)
    assert [path.exists() for path in entries] == [False, True, True]


def test_reading_counts_as_use(cache: Callable[..., Path]) -> None:
    entry = cache("kernels/read", 40 * DAY)
    long_ago = time.time() - 40 * DAY
    os.utime(entry / "inner" / "data", (time.time() - DAY, long_ago))

    assert collect_cache(older_than=30 * DAY, max_size=FIVE_GIB) == []


def test_what_was_used_within_the_hour_stays_whatever_the_size(cache: Callable[..., Path]) -> None:
    entries = [cache("kernels/a", 60.0), cache("kernels/b", 7200.0)]

    collect_cache(older_than=1.0, max_size=1)
    assert [path.exists() for path in entries] == [True, False]


def test_a_dry_run_of_the_cache_removes_nothing(cache: Callable[..., Path]) -> None:
    entry = cache("kernels/old", 31 * DAY)

    assert collect_cache(older_than=30 * DAY, max_size=FIVE_GIB, dry_run=True)[0].count == 1
    assert entry.exists()


def test_links_in_the_cache_are_not_followed_and_half_removed_entries_go(
    cache: Callable[..., Path], tmp_path: Path
) -> None:
    half = cache("kernels/.gone-12345678", 60.0)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    os.utime(outside, (0, 0))
    (tmp_path / "cache" / "kernels" / "linked").symlink_to(outside)

    assert collect_cache(older_than=1.0, max_size=1) == []
    assert not half.exists()
    assert (outside / "file").exists()
