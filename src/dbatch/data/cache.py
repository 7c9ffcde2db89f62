"""Events that many jobs look at: decoded once, then shared by all processes of this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final

from dbatch.cache import IN_USE_SECONDS, cache_dir, cache_entries, remove_entry
from dbatch.config.quantities import parse_size
from dbatch.data.blocks import EventBlock, within
from dbatch.data.cache_columns import LAYOUT, MOST_MAPPED_BYTES, Columns, DamagedEntryError
from dbatch.data.cache_record import Holder, Recorder
from dbatch.data.faults import Faults
from dbatch.data.read import fingerprint as fingerprint_of
from dbatch.data.read import read_events, rows_hint
from dbatch.errors import UsageError
from dbatch.model import Security, Source, Window

CACHE_SIZE: Final = "DBATCH_CACHE_SIZE"
"""The environment variable that says how large stored events may grow together; 0 stores and uses none."""

_DEFAULT_SIZE: Final = "10GiB"
_ROW_BYTES: Final = 25
_MAPPED_ROWS: Final = 1 << 20
"""Rows of a block that need not be read: each one costs a compiled loop a tenth of a millisecond, and no memory."""

_LOCK: Final = threading.Lock()
_OPEN: Final[OrderedDict[str, Columns]] = OrderedDict()
_NOT_STORED: Final[set[str]] = set()
"""Keys that are being stored by another thread, or cannot be."""


def cached_events(
    security: Security, fingerprint: str, rows: int, window: Window, faults: Faults, *, keep: bool
) -> Iterator[EventBlock]:
    """Yield the events of `security` inside `window` in source order, at most `rows` a block as they are read.

    They come from the cache when it has them, else from the source, and with `keep` they are in the cache
    afterwards, provided that its content still has `fingerprint`. Faults of cells are added to `faults` at the end,
    the same either way. Raises what `read_events` raises, and UsageError for a size of the cache that is none.
    """
    key = _key(security.source, fingerprint, window.only_trades)
    given = 0
    stored = _stored(key)
    if stored is not None:
        try:
            for block in stored.blocks(max(rows, _MAPPED_ROWS), window):
                given += len(block)
                yield block
            faults.include(stored.facts.counts, stored.facts.examples)
            return
        except DamagedEntryError:
            _forget(key)
    own = Faults()
    blocks = within(read_events(security, rows, own), Window(only_trades=window.only_trades))
    if keep and not given:
        blocks = _kept(blocks, key, security.source, fingerprint, own)
    yield from _after(within(blocks, Window(window.start_day, window.end_day)), given)
    faults.include(own.counts, own.examples)


@lru_cache(maxsize=64)
def _key(source: Source, fingerprint: str, only_trades: bool) -> str:
    """Return a name for all that stored columns depend on; faults name the file that they are in."""
    names = [PurePath(path).name for path in source.paths]
    return hashlib.sha256(repr((LAYOUT, fingerprint, names, only_trades)).encode()).hexdigest()[:32]


def _place() -> Path:
    return cache_dir() / "events"


def _stored(key: str) -> Columns | None:
    """Return the columns called `key`, which this process maps once; None where there are none of use."""
    with _LOCK:
        found = _OPEN.get(key)
        if found is not None:
            _OPEN.move_to_end(key)
            return found
    if not size_limit() or not os.access(_place(), os.W_OK):
        return None
    try:
        return _opened(key, Columns.mapped(_place() / key))
    except DamagedEntryError:
        _forget(key)
    except OSError:  # not there, or this process may not map as much
        pass
    return None


def _opened(key: str, columns: Columns) -> Columns:
    """Return `columns`, which are at hand from now on; the longest unused ones make room."""
    with _LOCK:
        columns = _OPEN.setdefault(key, columns)
        while len(_OPEN) > 1 and sum(each.size for each in _OPEN.values()) > MOST_MAPPED_BYTES:
            _OPEN.popitem(last=False)
    return columns


def _forget(key: str) -> None:
    with _LOCK:
        _OPEN.pop(key, None)
    with suppress(OSError):
        remove_entry(_place() / key)


def _kept(
    blocks: Iterable[EventBlock], key: str, source: Source, fingerprint: str, faults: Faults
) -> Iterator[EventBlock]:
    """Yield `blocks`; when all have come by they are in the cache, or else in memory where they are not too many."""
    with _LOCK:
        room = 0 if key in _NOT_STORED else _room(source)
        _NOT_STORED.add(key)
    if not room:
        holder = Holder()
        for block in blocks:
            holder.add(block)
            yield block
        held = holder.columns(faults)
        if held is not None:
            _opened(key, held)
        return
    failed = False
    try:
        with Recorder(_place(), room) as recorder:
            for block in blocks:
                recorder.add(block)
                yield block
            failed = not recorder.is_going or not _is_still(source, fingerprint)
            if not failed:
                recorder.publish(_place() / key, faults)
                _make_room()
    finally:
        if not failed:
            _NOT_STORED.discard(key)


def _is_still(source: Source, fingerprint: str) -> bool:
    """Return whether what was read is what the plan was made for: a file may have been written to meanwhile."""
    try:
        return fingerprint_of(source) == fingerprint
    except OSError:
        return False


def _room(source: Source) -> int:
    """Return how many bytes may be stored of `source`; 0 where they would not be enough, or the cache cannot be used.

    What was used within the last hour keeps its place.
    """
    place = _place()
    try:
        place.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(place).free // 2
    except OSError:
        return 0
    if not os.access(place, os.W_OK):
        return 0
    now = time.time()
    kept = sum(entry.size for entry in cache_entries("events") if now - entry.used <= IN_USE_SECONDS)
    room = max(0, min(size_limit() - kept, free))
    return room if rows_hint(source) * _ROW_BYTES <= room else 0


def _make_room() -> None:
    """Remove what was used longest ago until the rest is within the limit."""
    now = time.time()
    entries = sorted(cache_entries("events"), key=lambda entry: entry.used)
    beyond = sum(entry.size for entry in entries) - size_limit()
    for entry in entries:
        if beyond <= 0 or now - entry.used <= IN_USE_SECONDS:
            return
        try:
            remove_entry(entry.path)
        except OSError:  # on Windows, somebody has it open
            continue
        beyond -= entry.size


def size_limit() -> int:
    """Return how many bytes of events may be stored, by `DBATCH_CACHE_SIZE`. Raises UsageError for what is no size."""
    return _parsed(os.environ.get(CACHE_SIZE, _DEFAULT_SIZE))


@lru_cache(maxsize=8)
def _parsed(text: str) -> int:
    if text.strip() == "0":
        return 0
    try:
        return parse_size(int(text) if text.strip().isdecimal() else text)
    except ValueError as error:
        raise UsageError(f"{CACHE_SIZE}={text}: {error}, or 0 for none") from error


def _after(blocks: Iterable[EventBlock], given: int) -> Iterator[EventBlock]:
    """Yield what follows the first `given` rows of `blocks`."""
    for block in blocks:
        if given < len(block):
            yield block.rows(slice(given, None)) if given else block
        given = max(0, given - len(block))
