"""The runs of a plan, as columns: a batch may have a hundred thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

from dbatch.results.ledger import PlannedJob


class RunBlock(NamedTuple):
    """Runs of one strategy over the same securities, one after the other.

    `keys` has a column a security: the keys of its jobs. `specs` yields what was asked of each run, as JSON.
    """

    numbers: Sequence[int]
    ids: Sequence[str]
    strategy: str
    securities: tuple[str, ...]
    keys: Sequence[Sequence[str]]
    specs: Callable[[], Iterable[str]]

    def jobs(self) -> Iterator[PlannedJob]:
        """Yield the jobs in the order of runs and securities, as the ledger plans them."""
        columns = zip(self.securities, self.keys, strict=True)
        jobs = [zip(self.numbers, repeat(security), keys, repeat(0)) for security, keys in columns]
        return jobs[0] if len(jobs) == 1 else chain.from_iterable(zip(*jobs, strict=True))


@dataclass(frozen=True)
class PlannedRuns:
    """All runs of a plan in their order."""

    blocks: tuple[RunBlock, ...]

    def __len__(self) -> int:
        return sum(len(block.numbers) for block in self.blocks)

    @property
    def numbers(self) -> list[int]:
        """Return the number of each run in its batch."""
        return [number for block in self.blocks for number in block.numbers]

    @property
    def ids(self) -> list[str]:
        """Return the id of each run."""
        return [run_id for block in self.blocks for run_id in block.ids]

    def rows(self) -> Iterator[tuple[int, str, str]]:
        """Yield number, id and what was asked, as JSON, of each run."""
        return chain.from_iterable(zip(block.numbers, block.ids, block.specs(), strict=True) for block in self.blocks)

    def jobs(self) -> Iterator[PlannedJob]:
        """Yield run number, security and key of each job, none of them stale, in the order of runs and securities."""
        return chain.from_iterable(block.jobs() for block in self.blocks)

    def by_strategy(self) -> Counter[str]:
        """Return how many runs there are of each strategy."""
        found: Counter[str] = Counter()
        for block in self.blocks:
            found[block.strategy] += len(block.numbers)
        return found
