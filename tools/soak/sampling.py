"""The memory of a process and of all below it, as Linux tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """MiB of a process tree.

    `rss` is the resident memory of each process added up: what forked processes share counts in each. `own` is the
    part that no file backs, where a leak would be, each page counted once.
    """

    rss: float
    own: float


def sample(pid: int | None = None) -> Sample:
    """Return the memory of the process `pid` (None: this one) and its descendants; those ending meanwhile count not."""
    rss = own = 0
    for member in family(os.getpid() if pid is None else pid):
        with suppress(OSError):
            sizes = dict(_sizes(member))
            rss += sizes["Rss"]
            own += sizes["Pss_Anon"] + sizes["Pss_Shmem"]
    return Sample(rss / 1024, own / 1024)


def family(pid: int) -> Iterator[int]:
    """Yield `pid` and its descendants."""
    yield pid
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from family(int(child))


def _sizes(pid: int) -> Iterator[tuple[str, int]]:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        yield name, int(size.split()[0])
