"""The ways in which one request can be computed, none of which may change a result."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dbatch.engine.execute import Cluster, Execution

DIMENSIONS: Final = ("workers", "chunks", "units", "order", "processes")
_WHOLE: Final = 1 << 40
_MOST_CHUNKS: Final = 2_000


@dataclass(frozen=True)
class Variation:
    """One way: where and in which order jobs run, and in chunks of how many rows; `name` says it to people."""

    dimension: str
    name: str
    execution: Execution
    chunk_rows: int


def usual_chunk(events: Sequence[int], asked: int) -> int:
    """Return the chunk size of the first distributed run: `asked`, or less where that would be one chunk a security.

    `events` are the securities' numbers of events. The reference gets each security whole, so a strategy that
    loses something between chunks shows only where there are several: at least two of each security, as a rule
    five, unless the largest had thousands then.
    """
    several = sorted(number for number in events if number > 1)
    if not several:
        return asked
    smallest, middle, largest = several[0], several[len(several) // 2], several[-1]
    return max(1, min(asked, smallest // 2, middle // 5), largest // _MOST_CHUNKS)


def variations(
    dimensions: Sequence[str], first: Variation, *, jobs: int, events: Sequence[int], compiled: bool
) -> Iterator[Variation]:
    """Yield the variations of `first` in each of `dimensions`."""
    for dimension in DIMENSIONS:
        if dimension in dimensions:
            yield from _OF[dimension](first, jobs, max(events, default=1), compiled)


def described(execution: Execution, chunk_rows: int, jobs: int) -> str:
    """Return a way of computing `jobs` in words."""
    return f"{_counted(execution.slots(jobs), 'worker')}, chunks of {chunk_rows:,} rows"


def _workers(first: Variation, jobs: int, events: int, compiled: bool) -> Iterator[Variation]:
    now = first.execution.slots(jobs)
    for workers in sorted({1, 2, now + 1, os.cpu_count() or 1} - {now}):
        if workers <= jobs:  # more would have nothing to do
            yield _changed(first, "workers", _counted(workers, "worker"), workers=workers)


def _chunks(first: Variation, jobs: int, events: int, compiled: bool) -> Iterator[Variation]:
    small = max(events // _MOST_CHUNKS, 1)
    for rows in sorted({small, first.chunk_rows // 2 * 2 + 1, max(events // 97, small) | 1} - {first.chunk_rows}):
        yield dataclasses.replace(first, dimension="chunks", name=f"chunks of {rows:,} rows", chunk_rows=rows)
    yield dataclasses.replace(first, dimension="chunks", name="one chunk a security", chunk_rows=_WHOLE)


def _units(first: Variation, jobs: int, events: int, compiled: bool) -> Iterator[Variation]:
    for size in sorted({2, 3, jobs} - {1}):
        if size <= jobs:
            yield _changed(first, "units", f"{size} jobs a task", unit_jobs=size)


def _order(first: Variation, jobs: int, events: int, compiled: bool) -> Iterator[Variation]:
    if jobs == 1:
        return
    for seed in (1, 2):
        yield _changed(first, "order", f"securities in random order {seed}", shuffle=seed)
    for seed in (3, 4):
        name = f"all jobs inside one process, in random order {seed}"
        yield _changed(first, "order", name, shuffle=seed, workers=1, unit_jobs=jobs)


def _processes(first: Variation, jobs: int, events: int, compiled: bool) -> Iterator[Variation]:
    usual = first.execution.kind(compiled)
    workers = first.execution.slots(jobs)
    other: Cluster = "threads" if usual == "processes" else "processes"
    if other == "processes":
        yield _changed(first, "processes", f"a cluster of {_counted(workers, 'process', 'es')}", cluster=other)
    else:  # plain handlers are never run in threads of one process at a time, so they need not stand it
        yield _changed(first, "processes", "a cluster inside this process", cluster=other, workers=1)


_OF = {"workers": _workers, "chunks": _chunks, "units": _units, "order": _order, "processes": _processes}


def _changed(
    first: Variation,
    dimension: str,
    name: str,
    *,
    workers: int | None = None,
    unit_jobs: int = 1,
    shuffle: int | None = None,
    cluster: Cluster | None = None,
) -> Variation:
    execution = dataclasses.replace(
        first.execution,
        workers=workers or first.execution.workers,
        unit_jobs=unit_jobs,
        shuffle=shuffle,
        cluster=cluster,
    )
    return Variation(dimension, name, execution, first.chunk_rows)


def _counted(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{plural if count != 1 else ''}"
