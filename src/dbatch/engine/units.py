"""Where units come from: a source that executors take them from, one at a time, and tell what became of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from dbatch.model import Receipt, Unit


class Units(Protocol):
    """Units in the order in which they are started."""

    def take(self, slots: int) -> Unit | None:
        """Return the next unit for one of `slots` that run at a time; None when there is none left to start."""

    def finished(self, unit: Unit, receipts: Sequence[Receipt]) -> None:
        """Learn how `unit` went: jobs without a receipt were left out, because the run is ending."""

    def died(self, unit: Unit) -> None:
        """Learn that `unit` took its worker along each time: its jobs have to be run one by one."""


class FixedUnits:
    """Units that were packed beforehand."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._waiting = deque(units)

    def take(self, slots: int) -> Unit | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, unit: Unit, receipts: Sequence[Receipt]) -> None: ...

    def died(self, unit: Unit) -> None:
        self._waiting.extendleft(single_jobs(unit))


def single_jobs(unit: Unit) -> list[Unit]:
    """Return the jobs of `unit`, each a unit of its own, the last one first."""
    return [Unit(unit.run_id, (job,), unit.priority) for job in reversed(unit.jobs)]
