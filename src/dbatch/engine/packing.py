"""Jobs packed into units while they run: as many to a unit as take some seconds, by what jobs took so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from dbatch.model import Job, Receipt, Unit

TARGET_SEC: Final = 2.0
"""What a unit should take: Dask costs some milliseconds a task, and what a killed worker was at is done again."""

MOST_JOBS: Final = 4_000
_FIRST_JOBS: Final = 4
_LEAST_SEC: Final = 0.25
_GROWTH: Final = 8


@dataclass(frozen=True)
class Task:
    """One job, the context that it runs under, its place in the order, and its priority: higher starts earlier."""

    run_id: str
    place: int
    job: Job
    priority: int = 0


@dataclass
class _Lane:
    """The waiting tasks of one security under one context and priority, and how long its jobs take."""

    run_id: str
    priority: int
    waiting: deque[Task] = field(default_factory=deque)
    seconds: float | None = None
    largest: int = 1


class Packer:
    """Units of one security each, made when they are asked for; see `engine.units.Units`.

    The security that is furthest behind comes next, so that all securities of the first runs are done first.
    `unit_jobs` is how many jobs a unit has; None measures.
    """

    def __init__(self, tasks: Iterable[Task], unit_jobs: int | None = None) -> None:
        self._unit_jobs = unit_jobs
        self._lanes: dict[tuple[str, int, str], _Lane] = {}
        self._single: deque[Unit] = deque()
        self._tasks: dict[str, Task] = {}
        self.left = 0
        for task in sorted(tasks, key=lambda task: task.place):
            self.add(task)

    @property
    def contexts(self) -> set[str]:
        """Return the names of the contexts that tasks run under."""
        return {task.run_id for task in self._tasks.values()}

    def add(self, task: Task) -> None:
        """Put `task` behind those of its security."""
        name = (task.run_id, task.priority, task.job.security.name)
        self._lanes.setdefault(name, _Lane(task.run_id, task.priority)).waiting.append(task)
        self._tasks[task.job.key] = task
        self.left += 1

    def again(self, key: str) -> None:
        """Do the job called `key` once more, in a unit of its own."""
        task = self._tasks[key]
        self._single.append(Unit(task.run_id, (task.job,), task.priority))
        self.left += 1

    def take(self, slots: int) -> Unit | None:
        """Return the next unit for one of `slots` that run at a time; None when there is none left to start."""
        if self._single:
            unit = self._single.popleft()
        else:
            waiting = [lane for lane in self._lanes.values() if lane.waiting]
            if not waiting:
                return None
            lane = min(waiting, key=lambda lane: (-lane.priority, lane.waiting[0].place, -(lane.seconds or 0.0)))
            size = self._unit_jobs or self._size(lane, slots)
            jobs = tuple(lane.waiting.popleft().job for _ in range(min(size, len(lane.waiting))))
            lane.largest = max(lane.largest, len(jobs))
            unit = Unit(lane.run_id, jobs, lane.priority)
        self.left -= len(unit.jobs)
        return unit

    def finished(self, unit: Unit, receipts: Sequence[Receipt]) -> None:
        """Learn how long the jobs of `unit` took."""
        if not receipts:
            return
        seconds = sum(receipt.runtime_sec for receipt in receipts) / len(receipts)
        lane = self._lanes.get((unit.run_id, unit.priority, unit.jobs[0].security.name))
        if lane is not None:
            lane.seconds = seconds if lane.seconds is None else (lane.seconds + seconds) / 2

    def died(self, unit: Unit) -> None:
        """Put each job of a unit that took its worker along into a unit of its own."""
        self._single.extend(Unit(unit.run_id, (job,), unit.priority) for job in unit.jobs)
        self.left += len(unit.jobs)

    def _size(self, lane: _Lane, slots: int) -> int:
        """Return how many jobs the next unit of `lane` has: so that it takes a while, but nobody waits at the end."""
        if lane.seconds is None:
            return _FIRST_JOBS
        seconds = max(lane.seconds, 1e-6)
        wanted = min(TARGET_SEC / seconds, lane.largest * _GROWTH, MOST_JOBS)
        fair = max(self.left / (2 * slots), _LEAST_SEC / seconds)
        return max(1, int(min(wanted, fair)))
