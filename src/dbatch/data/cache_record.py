"""Keeps the events of one security, as they come by: in the cache, or in memory."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from dbatch.cache import UNFINISHED
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.data.cache_columns import (
    COLUMN_TYPES,
    FACTS_NAME,
    MOST_MAPPED_BYTES,
    ColumnFacts,
    Columns,
)
from dbatch.data.faults import Faults

_DAY_NS: Final = 86_400_000_000_000
_NO_DAY: Final = -(1 << 40)
_MOST_RUNS: Final = 20_000


class _DayRuns:
    """Where runs of rows of one day begin; see `ColumnFacts.days`."""

    def __init__(self) -> None:
        self.runs: list[tuple[int | None, int]] | None = []
        self._rows = 0
        self._last = _NO_DAY - 1

    def add(self, times: np.ndarray[Any, Any]) -> None:
        """Add the next rows."""
        if self.runs is None or not len(times):
            return
        days = times // _DAY_NS
        if (days == NOT_A_TIME // _DAY_NS).any():  # which times can have too
            days = np.where(times == NOT_A_TIME, _NO_DAY, days)
        begins = np.flatnonzero(days[1:] != days[:-1]) + 1
        if days[0] != self._last:
            begins = np.append(0, begins)
        if len(self.runs) + len(begins) > _MOST_RUNS:
            self.runs = None
            return
        found = zip(days[begins].tolist(), begins.tolist(), strict=True)
        self.runs += [(None if day == _NO_DAY else day, self._rows + row) for day, row in found]
        self._rows += len(times)
        self._last = int(days[-1])


class Holder:
    """Keeps blocks of events in memory, unless they come to be more than `MOST_MAPPED_BYTES`."""

    def __init__(self) -> None:
        self._blocks: list[EventBlock] = []
        self._size = 0
        self._days = _DayRuns()

    def add(self, block: EventBlock) -> None:
        """Keep `block` behind what came before."""
        self._size += sum(column.nbytes for column in block)
        if self._size > MOST_MAPPED_BYTES:
            self._blocks.clear()
        else:
            self._blocks.append(block)
            self._days.add(block.timestamps)

    def columns(self, faults: Faults) -> Columns | None:
        """Return all that was added; None for nothing, or too much."""
        if not self._blocks or self._size > MOST_MAPPED_BYTES:
            return None
        block = EventBlock(*map(np.concatenate, zip(*self._blocks, strict=True)))
        for column in block:
            column.flags.writeable = False
        return Columns(ColumnFacts(len(block), [], self._days.runs, faults.counts, faults.examples), block)


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
        self._days = _DayRuns()
        self._files = ExitStack()
        self._columns: list[FileIO] = []
        self.is_going = True
        try:
            self._folder.mkdir(parents=True)
            for name in COLUMN_TYPES:
                file = open(self._folder / name, "wb", buffering=0)  # noqa: SIM115 - closed by `__exit__`
                self._columns.append(self._files.enter_context(file))
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
        self._days.add(block.timestamps)
        self._rows += len(block)
        try:
            for file, column in zip(self._columns, block, strict=True):
                _write(file.fileno(), np.ascontiguousarray(column).view(np.uint8).data)
        except OSError:
            self.is_going = False

    def publish(self, target: Path, faults: Faults) -> None:
        """Have all that was added found as `target`, unless somebody else was faster."""
        with suppress(OSError):
            self._files.close()
            facts = ColumnFacts(self._rows, [], self._days.runs, faults.counts, faults.examples)
            facts = replace(facts, sums=Columns.of(self._folder, facts).sums())
            (self._folder / FACTS_NAME).write_text(facts.to_text(), encoding="ascii")
            self._folder.rename(target)


def _write(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]
