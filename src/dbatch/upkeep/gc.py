"""What no result needs any more: parts of batches, old things in the cache."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dbatch.cache import IN_USE_SECONDS, KINDS, CacheEntry, cache_entries, remove_entry, remove_remains
from dbatch.results.accounts import account_files, remove_account, useless_accounts
from dbatch.results.adopt import orphans
from dbatch.results.folder import locked, temporaries
from dbatch.upkeep.subject import reading, require


@dataclass(frozen=True)
class Freed:
    """What was, or would be, removed in one place: how many of what, their bytes, and what was left for a reason."""

    place: Path
    what: str
    count: int
    size: int
    kept: str = ""


def collect_folder(folder: Path, *, dry_run: bool = False) -> list[Freed]:
    """Remove what no receipt of the batch or run in `folder` needs, and return what that was.

    Parts with results that the ledger lacks stay: they are adopted when the batch goes on. Raises OutputError for a
    folder without a batch, LockedError while a driver is at it.
    """
    require(folder)
    if dry_run:
        return [*_unfinished(folder), *_collected(folder, remove=False)]
    swept = list(_unfinished(folder))
    with locked(folder):  # which removes them
        return [*swept, *_collected(folder, remove=True)]


def _unfinished(folder: Path) -> Iterator[Freed]:
    left = list(temporaries(folder))
    if left:
        yield Freed(folder, "unfinished files", len(left), sum(map(_size, left)))


def _size(path: Path) -> int:
    """Return the bytes of a file, 0 for one that has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _collected(folder: Path, *, remove: bool) -> Iterator[Freed]:
    with reading(folder) as (_, ledger):
        found = orphans(folder, ledger)
        accounts = useless_accounts(folder, ledger)
    useless = [folder / orphan.part for orphan in found if not orphan.receipts]
    wanted = len(found) - len(useless)
    size = sum(map(_size, useless))
    for path in useless if remove else ():
        path.unlink(missing_ok=True)
    kept = f"{wanted:,} parts hold results that the ledger lacks; 'dbatch resume' adopts them" if wanted else ""
    if useless or kept:
        yield Freed(folder, "parts", len(useless), size, kept)
    if accounts:
        size = sum(_size(path) for key in accounts for path in account_files(folder, key).values())
        for key in accounts if remove else ():
            remove_account(folder, key)
        yield Freed(folder, "accounts", len(accounts), size)


def collect_cache(*, older_than: float, max_size: int, dry_run: bool = False) -> list[Freed]:
    """Remove from the cache what was not used for `older_than` seconds, then the oldest down to `max_size` bytes.

    Returns what that was. Nothing goes that was used within the last hour. What is needed again is made again.
    """
    now = time.time()
    entries = sorted(chain.from_iterable(map(cache_entries, KINDS)), key=lambda entry: entry.used)
    total = sum(entry.size for entry in entries)
    going = []
    for entry in entries:
        age = now - entry.used
        if age > IN_USE_SECONDS and (age > older_than or total > max_size):
            going.append(entry)
            total -= entry.size
    if not dry_run:
        for entry in going:
            remove_entry(entry.path)
        remove_remains()
    kinds: dict[Path, list[CacheEntry]] = {}
    for entry in going:
        kinds.setdefault(entry.path.parent, []).append(entry)
    return [Freed(place, "entries", len(gone), sum(one.size for one in gone)) for place, gone in sorted(kinds.items())]
