"""How far a batch is, from its receipts: runs, blocks of runs, failures, and who is told of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, Protocol

from dbatch.model import Receipt

_BLOCKS: Final = 25


@dataclass(frozen=True)
class Block:
    """Some consecutive runs that are all done: number `number` of those done so far, of `blocks`.

    `first` and `last` are places of runs in the batch, `last` not in it; `seconds` since the batch was started.
    """

    number: int
    blocks: int
    first: int
    last: int
    statuses: Mapping[str, int]
    seconds: float
    rss_mb: float
    eta_sec: float | None


class BatchObserver(Protocol):
    """What is called as a batch goes on, always from the driver's main thread."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        """Work begins, `slots` jobs at a time; `progress` is kept up to date from here on."""

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None:
        """A job of `runs` did not succeed, and its receipt is safe."""

    def block(self, block: Block) -> None:
        """A block of runs is done."""

    def tick(self) -> None:
        """Called after every receipt, and now and then when there is none."""

    def ended(self) -> None:
        """No more receipts will come."""


class SilentBatch:
    """An observer that does nothing."""

    def note(self, text: str) -> None: ...

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None: ...

    def failed(self, runs: Sequence[str], receipt: Receipt) -> None: ...

    def block(self, block: Block) -> None: ...

    def tick(self) -> None: ...

    def ended(self) -> None: ...


@dataclass
class Progress:
    """How many runs and jobs are done, and how they went; `block_runs` consecutive runs make a block.

    `users` says, for each job key, the places of the runs that it belongs to.
    """

    names: Sequence[str]
    users: Mapping[str, Sequence[int]]
    block_runs: int
    jobs: int = 0
    jobs_done: int = 0
    jobs_before: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    rss_mb: float = 0.0

    def __post_init__(self) -> None:
        self._left = [0] * len(self.names)
        for run in chain.from_iterable(self.users.values()):
            self._left[run] += 1
        self._worst: dict[int, str] = {}
        self.jobs = len(self.users)
        self.blocks = -(-len(self.names) // self.block_runs)
        self._of_block = [
            min(self.block_runs, len(self.names) - first) for first in range(0, len(self.names), self.block_runs)
        ]
        self._blocks_done = 0

    @property
    def runs(self) -> int:
        return len(self.names)

    @property
    def runs_done(self) -> int:
        return self.statuses.total()

    @property
    def runs_failed(self) -> int:
        return self.runs_done - self.statuses["success"]

    @property
    def failing(self) -> int:
        """Return how many runs have a job that failed, done or not; one that was skipped is none."""
        return sum(status != "skipped" for status in self._worst.values())

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """Return how many jobs a second are done since work began."""
        return (self.jobs_done - self.jobs_before) / max(self.seconds, 1e-9)

    @property
    def eta_sec(self) -> float | None:
        return (self.jobs - self.jobs_done) / self.rate if self.jobs_done > self.jobs_before else None

    def before(self, statuses: Mapping[str, str]) -> None:
        """Count jobs that were done before, by key; no block is told of."""
        for key, status in statuses.items():
            for _ in self.take(key, status):
                pass
        self.jobs_before = self.jobs_done
        self.began = time.monotonic()

    def take(self, key: str, status: str) -> Iterator[Block]:
        """Count the job called `key` as done, and yield each block of runs that is done with it."""
        self.jobs_done += 1
        for run in self.users.get(key, ()):
            if status != "success":
                self._worst.setdefault(run, status)
            self._left[run] -= 1
            if self._left[run]:
                continue
            self.statuses[self._worst.get(run, "success")] += 1
            block = run // self.block_runs
            self._of_block[block] -= 1
            if not self._of_block[block]:
                self._blocks_done += 1
                yield self._block(block)

    def _block(self, block: int) -> Block:
        first, last = block * self.block_runs, min((block + 1) * self.block_runs, len(self.names))
        statuses = dict(Counter(self._worst.get(run, "success") for run in range(first, last)))
        return Block(self._blocks_done, self.blocks, first, last, statuses, self.seconds, self.rss_mb, self.eta_sec)


def block_size(runs: int, unit_jobs: int | None) -> int:
    """Return how many runs make a block: as many as a unit has jobs, or so many that there are about 25 blocks."""
    return max(1, unit_jobs or -(-runs // _BLOCKS))
