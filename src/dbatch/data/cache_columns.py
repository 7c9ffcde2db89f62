"""The events of one security as columns on disk: mapped, never read twice, and checked before anybody sees them.

A folder holds a file for each column, plain numbers from its first byte to its last, and `facts.json` about them.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import EventBlock, within
from dbatch.data.faults import Fault
from dbatch.model import Window

COLUMN_TYPES: Final = {"timestamps": np.int64, "kinds": np.int8, "prices": np.float64, "volumes": np.int64}
FACTS_NAME: Final = "facts.json"
SEGMENT_ROWS: Final = 1 << 16
LAYOUT: Final = f"1 {sys.byteorder}"
"""Part of the name of all that is stored: what is laid out otherwise is not found."""

MOST_MAPPED_BYTES: Final = 256 << 20
"""Columns larger than that are let go of behind whoever reads them, lest they count as this process's memory."""

_LET_GO_ROWS: Final = 1 << 20
_TOUCH_EVERY_SECONDS: Final = 600.0


class DamagedEntryError(Exception):
    """Stored columns are not what was stored; it never leaves the cache, for they are made again."""


@dataclass(frozen=True)
class ColumnFacts:
    """What is known of stored columns.

    `sums` holds the checksums of each segment's four columns. `days` is where runs of rows of one day begin: (days
    since 1970 or None for rows without a time, first row); None where there are too many. `counts` and `examples`
    are the faults met when the source was read.
    """

    rows: int
    sums: Sequence[Sequence[int]]
    days: Sequence[tuple[int | None, int]] | None
    counts: dict[str, int]
    examples: Sequence[Fault]

    def to_text(self) -> str:
        """Return the facts as two lines: the hash of the second, and JSON."""
        examples = [(fault.where, fault.reason, fault.found) for fault in self.examples]
        text = json.dumps([self.rows, self.sums, self.days, self.counts, examples])
        return f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}"

    @classmethod
    def from_text(cls, text: str) -> ColumnFacts:
        """Return the facts that `to_text` wrote; raises DamagedEntryError when they are not whole."""
        digest, _, content = text.partition("\n")
        if hashlib.sha256(content.encode()).hexdigest() != digest:
            raise DamagedEntryError("facts")
        rows, sums, days, counts, examples = json.loads(content)
        return cls(rows, sums, days, counts, [Fault(*each) for each in examples])


class Columns:
    """Columns of events, mapped from a folder or held in memory, and the facts about them."""

    def __init__(self, facts: ColumnFacts, block: EventBlock, home: Path | None = None) -> None:
        self.facts = facts
        self.size = sum(column.nbytes for column in block)
        self._block = block
        self._home = home
        self._is_checked = [home is None] * -(-facts.rows // SEGMENT_ROWS)
        self._touched = -np.inf
        self._let_go_at = 0

    @classmethod
    def mapped(cls, folder: Path) -> Columns:
        """Return the columns that are stored in `folder`.

        Raises FileNotFoundError when it is not there, DamagedEntryError when it is not whole, OSError.
        """
        try:
            facts = ColumnFacts.from_text((folder / FACTS_NAME).read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError as error:
            if folder.exists():
                raise DamagedEntryError(FACTS_NAME) from error
            raise
        return cls.of(folder, facts)

    @classmethod
    def of(cls, folder: Path, facts: ColumnFacts) -> Columns:
        """Return the columns in `folder` that `facts` tells of; raises DamagedEntryError and OSError."""
        columns = (_map(folder / name, kind, facts.rows) for name, kind in COLUMN_TYPES.items())
        return cls(facts, EventBlock(*columns), folder)

    def blocks(self, rows: int, window: Window) -> Iterator[EventBlock]:
        """Yield the events of the dates of `window`, at most `rows` a block: read-only views of what is mapped.

        Raises DamagedEntryError before a block whose columns are not what was stored.
        """
        self._touch()
        if window.start_day is None and window.end_day is None:
            yield from self._pieces(0, self.facts.rows, rows)
        elif self.facts.days is None:
            dates = Window(window.start_day, window.end_day)
            yield from within(self._pieces(0, self.facts.rows, rows), dates)
        else:
            for first, end in self._of_days(self.facts.days, window):
                yield from self._pieces(first, end, rows)

    def sums(self) -> list[list[int]]:
        """Return the checksums of all segments as they are on the disk."""
        found = []
        for number in range(len(self._is_checked)):
            found.append(self._sums_of(number))
            self._let_go((number + 1) * SEGMENT_ROWS)
        return found

    def _pieces(self, first: int, end: int, rows: int) -> Iterator[EventBlock]:
        for begin in range(first, end, rows):
            last = min(begin + rows, end)
            self._check(begin, last)
            yield self._block.rows(slice(begin, last))
            self._let_go(last)

    def _of_days(self, days: Sequence[tuple[int | None, int]], window: Window) -> Iterator[tuple[int, int]]:
        """Yield (first row, row behind the last) of what lies in `window`, in order, each as long as it can be."""
        low = -np.inf if window.start_day is None else window.start_day
        high = np.inf if window.end_day is None else window.end_day
        begun: int | None = None
        for day, first in days:
            is_inside = day is not None and low <= day <= high
            if is_inside and begun is None:
                begun = first
            elif not is_inside and begun is not None:
                yield begun, first
                begun = None
        if begun is not None:
            yield begun, self.facts.rows

    def _check(self, begin: int, end: int) -> None:
        """Compare the segments of these rows with their checksums, each once in the life of this object."""
        for number in range(begin // SEGMENT_ROWS, -(-end // SEGMENT_ROWS)):
            if not self._is_checked[number]:
                if self._sums_of(number) != self.facts.sums[number]:
                    raise DamagedEntryError(f"segment {number}")
                self._is_checked[number] = True

    def _sums_of(self, number: int) -> list[int]:
        return [
            _checksum(column) for column in self._block.rows(slice(number * SEGMENT_ROWS, (number + 1) * SEGMENT_ROWS))
        ]

    def _let_go(self, row: int) -> None:
        """Give back memory behind `row`, where these columns are large and some of them went by since the last time."""
        if self.size <= MOST_MAPPED_BYTES or abs(row - self._let_go_at) < _LET_GO_ROWS:
            return
        self._let_go_at = row
        for column in self._block:
            mapped: Any = getattr(column.base, "obj", None)  # the base is a view of what is mapped
            if hasattr(mapped, "madvise"):
                mapped.madvise(mmap.MADV_DONTNEED)  # comes back from the file where somebody still looks

    def _touch(self) -> None:
        """Say that the columns are in use: what was used longest ago makes room."""
        now = time.monotonic()
        if self._home is not None and now - self._touched > _TOUCH_EVERY_SECONDS:
            self._touched = now
            with suppress(OSError):  # gone, but still mapped
                os.utime(self._home / FACTS_NAME)


def _map(path: Path, kind: type, rows: int) -> np.ndarray[Any, Any]:
    """Return the numbers in the file at `path`, read-only; raises DamagedEntryError when there are not `rows`."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size != rows * np.dtype(kind).itemsize:
                raise DamagedEntryError(path.name)
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if rows else b"", kind)
    except FileNotFoundError as error:
        raise DamagedEntryError(path.name) from error


def _checksum(column: np.ndarray[Any, Any]) -> int:
    """Return the sum, modulo 2**64, of the column's 8-byte words, each times an odd number of its own.

    Any change of one word changes it, for an odd factor can be undone; other changes go unseen once in billions of
    cases. A word's upper half is mixed into its lower one before: the highest bits of two words could make up for each
    other. It costs a quarter of decoding, and less than a CRC even where that has instructions of its own.
    """
    data = column.view(np.uint8)
    words = data[: len(data) // 8 * 8].view(np.uint64)
    rest = int.from_bytes(data[len(words) * 8 :].tobytes(), sys.byteorder)
    mixed = words >> np.uint64(32)
    mixed ^= words
    return (int(np.dot(mixed, _weights(SEGMENT_ROWS)[: len(words)])) + rest) % 2**64


@lru_cache(maxsize=1)
def _weights(count: int) -> np.ndarray[Any, Any]:
    """Return `count` odd numbers without a pattern: the finalizer of Steele et al. (2014), splitmix64."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31)) | np.uint64(1)
