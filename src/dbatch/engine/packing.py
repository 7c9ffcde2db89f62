"""Jobs packed into units while they run: as many to a unit as take some seconds, by what jobs took so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple, Protocol

from dbatch.model import Job, Receipt, Security, Unit

TARGET_SEC: Final = 2.0
"""What a unit should take: Dask costs some milliseconds a task, and what a killed worker was at is done again."""

MOST_JOBS: Final = 4_000
_FIRST_JOBS: Final = 4
_LEAST_SEC: Final = 0.25
_GROWTH: Final = 8


class JobSource(Protocol):
    """Where jobs over one security come from when they are to run: they share a context and a priority."""

    @property
    def run_id(self) -> str:
        """Return the name of the context that the jobs run under."""

    @property
    def priority(self) -> int:
        """Return the priority of the jobs: those of a higher one start earlier."""

    @property
    def security(self) -> Security: ...

    def jobs(self, tasks: Sequence[Task]) -> list[Job]:
        """Return the job of each of `tasks`, which are of this source."""


class Task(NamedTuple):
    """A job that is to be done: its place in the order, its key, and who makes it."""

    place: int
    key: str
    source: JobSource


class GivenJob(NamedTuple):
    """The source of one job that is there already."""

    run_id: str
    job: Job
    priority: int = 0

    @property
    def security(self) -> Security:
        return self.job.security

    def jobs(self, tasks: Sequence[Task]) -> list[Job]:
        return [self.job] * len(tasks)


_source: Final = attrgetter("source")


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
        for source, some in groupby(sorted(tasks, key=itemgetter(0)), _source):
            self._lane_of(source).waiting.extend(some)
        for lane in self._lanes.values():
            self._tasks |= {task.key: task for task in lane.waiting}
            self.left += len(lane.waiting)

    @property
    def contexts(self) -> set[str]:
        """Return the names of the contexts that tasks run under."""
        return {lane.run_id for lane in self._lanes.values()}

    def _lane_of(self, source: JobSource) -> _Lane:
        name = (source.run_id, source.priority, source.security.name)
        found = self._lanes.get(name)
        if found is None:
            found = self._lanes[name] = _Lane(source.run_id, source.priority)
        return found

    def again(self, key: str) -> None:
        """Do the job called `key` once more, in a unit of its own."""
        task = self._tasks[key]
        self._single.append(Unit(task.source.run_id, jobs_of([task]), task.source.priority))
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
            jobs = jobs_of([lane.waiting.popleft() for _ in range(min(size, len(lane.waiting)))])
            lane.largest = max(lane.largest, len(jobs))
            unit = Unit(lane.run_id, jobs, lane.priority)
        self.left -= len(unit.jobs)
        return unit

    def finished(self, unit: Unit, receipts: Sequence[Receipt]) -> None:
        """Learn how long the jobs of `unit` took."""
        if not receipts:
            return
        self.took(unit, seconds_a_job([receipt.runtime_sec for receipt in receipts]))

    def took(self, unit: Unit, seconds: float) -> None:
        """Learn that a job of `unit` took `seconds`."""
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


def seconds_a_job(seconds: Sequence[float]) -> float:
    """Return what the jobs of a unit took on the average, without the longest where there are several.

    The first job of a process loads its code as well: it would make the units that follow a thousand times too small.

    >>> seconds_a_job([4.0, 0.25, 0.75]), seconds_a_job([4.0])
    (0.5, 4.0)
    """
    return (sum(seconds) - max(seconds)) / (len(seconds) - 1) if len(seconds) > 1 else sum(seconds)


def jobs_of(tasks: Iterable[Task]) -> tuple[Job, ...]:
    """Return the jobs of `tasks` in their order."""
    return tuple(job for source, some in groupby(tasks, _source) for job in source.jobs(list(some)))
