"""Where things are kept that can be made again at any time, and how they go."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KINDS: Final = ("kernels", "excel", "remote", "events")
"""The folders of the cache that hold a folder for each thing, and in which room is made again."""

IN_USE_SECONDS: Final = 3600.0
"""What was used so short a time ago is let be, for somebody may be at it."""

UNFINISHED: Final = ".new-"
"""What a thing is called while it is made."""

_GOING: Final = ".gone-"
"""What a thing is called while it is removed: nobody finds half of it."""


@dataclass(frozen=True)
class CacheEntry:
    """One thing in the cache: its folder, bytes, and when it was used last, in Unix seconds."""

    path: Path
    size: int
    used: float


def cache_dir() -> Path:
    """Return the cache folder: `DBATCH_CACHE_DIR`, or the user's cache folder of this platform."""
    chosen = os.environ.get("DBATCH_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("dbatch", appauthor=False)


def cache_entries(kind: str) -> Iterator[CacheEntry]:
    """Yield the things of one of `KINDS` that are in the cache; links are no things of ours."""
    place = cache_dir() / kind
    if not place.is_dir() or place.is_symlink():
        return
    for path in place.iterdir():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(_GOING):
            with suppress(FileNotFoundError):  # gone meanwhile
                yield _entry(path)


def _entry(path: Path) -> CacheEntry:
    """Return what is known of a folder in the cache; whoever used it touched or read one of its files."""
    size, used = 0, path.stat().st_mtime
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                facts = os.lstat(os.path.join(folder, name))
                size += facts.st_size
                used = max(used, facts.st_atime, facts.st_mtime)
    return CacheEntry(path, size, used)


def remove_entry(path: Path) -> None:
    """Remove one thing from the cache, at once for whoever looks for it; processes that have it open keep it."""
    gone = path.with_name(f"{_GOING}{os.urandom(4).hex()}")
    with suppress(FileNotFoundError):  # somebody else was faster
        path.rename(gone)
        shutil.rmtree(gone)


def remove_remains() -> None:
    """Remove what processes that were killed had begun to make, or to remove."""
    for kind in KINDS:
        for path in (cache_dir() / kind).glob(f"{_GOING}*"):
            shutil.rmtree(path, ignore_errors=True)
        for entry in cache_entries(kind):
            if entry.path.name.startswith(UNFINISHED) and time.time() - entry.used > IN_USE_SECONDS:
                remove_entry(entry.path)
