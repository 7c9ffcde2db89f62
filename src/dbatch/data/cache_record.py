"""Stores the events of one security in the cache, as they come by."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from dbatch.cache import UNFINISHED
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.data.cache_columns import COLUMN_TYPES, FACTS_NAME, SEGMENT_ROWS, ColumnFacts, segment_sums
from dbatch.data.faults import Faults

_DAY_NS: Final = 86_400_000_000_000
_NO_DAY: Final = -(1 << 40)
_MOST_RUNS: Final = 20_000


class Recorder:
    """Writes blocks of events into a folder that nobody sees before it is whole.

    What goes wrong on the disk, or more than `most_bytes`, ends the recording and nothing else: `is_going` is False
    then. Leaving the context removes what was not published.
    """

    def __init__(self, place: Path, most_bytes: int) -> None:
        self._folder = place / f"{UNFINISHED}{os.urandom(6).hex()}"
        self._most_bytes = most_bytes
        self._size = 0
        self._rows = 0
        self._days: list[tuple[int | None, int]] | None = []
        self._last_day = _NO_DAY - 1
        self._files = ExitStack()
        self.is_going = True
        try:
            self._folder.mkdir(parents=True)
            self._columns = [
                self._files.enter_context(open(self._folder / name, "wb", buffering=0)) for name in COLUMN_TYPES
            ]
        except OSError:
            self.is_going = False

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, block: EventBlock) -> None:
        """Store `block` behind what came before."""
        self._size += sum(column.nbytes for column in block)
        self.is_going = self.is_going and self._size <= self._most_bytes
        if not self.is_going:
            return
        self._note_days(block.timestamps)
        self._rows += len(block)
        try:
            for file, column in zip(self._columns, block, strict=True):
                _write(file.fileno(), np.ascontiguousarray(column).view(np.uint8).data)
        except OSError:
            self.is_going = False

    def publish(self, target: Path, faults: Faults) -> None:
        """Have all that was added found as `target`, unless somebody else was faster."""
        if not self.is_going:
            return
        with suppress(OSError):
            self._files.close()
            mapped = EventBlock(*(self._written(name, kind) for name, kind in COLUMN_TYPES.items()))
            sums = [segment_sums(mapped, number) for number in range(-(-self._rows // SEGMENT_ROWS))]
            facts = ColumnFacts(self._rows, sums, self._days, faults.counts, faults.examples)
            (self._folder / FACTS_NAME).write_text(facts.to_text(), encoding="ascii")
            self._folder.rename(target)

    def _written(self, name: str, kind: type) -> np.ndarray:
        return np.memmap(self._folder / name, kind, "r") if self._rows else np.empty(0, kind)

    def _note_days(self, times: np.ndarray) -> None:
        """Add the runs of rows of one day that begin in `times`."""
        if self._days is None:
            return
        days = np.where(times == NOT_A_TIME, _NO_DAY, times // _DAY_NS)
        begins = np.flatnonzero(np.diff(days, prepend=self._last_day))
        if len(self._days) + len(begins) > _MOST_RUNS:
            self._days = None
            return
        for row, day in zip(begins.tolist(), days[begins].tolist(), strict=True):
            self._days.append((None if day == _NO_DAY else day, self._rows + row))
        self._last_day = int(days[-1]) if len(days) else self._last_day


def _write(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]
