"""Which executor runs the jobs, and the receipts it yields."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass
from typing import Literal

from dbatch.data.read import size_hint
from dbatch.engine.control import Control
from dbatch.engine.units import Units
from dbatch.model import Job, Receipt, RunContext, Unit

Kind = Literal["serial", "threads", "processes", "existing"]
Cluster = Literal["threads", "processes"]


@dataclass(frozen=True)
class Execution:
    """How to run: `workers` at a time (None for all cores), on the cluster at `scheduler` when given.

    `cluster` is the kind of our own cluster (None lets the strategy's kind decide), `unit_jobs` how many jobs one
    task runs, one after the other, `shuffle` the seed of a random order of jobs (None starts the longest first).
    None of it can change a result.
    """

    workers: int | None = None
    serial: bool = False
    scheduler: str | None = None
    dashboard: bool = True
    cluster: Cluster | None = None
    unit_jobs: int = 1
    shuffle: int | None = None

    def slots(self, jobs: int) -> int:
        """Return how many jobs of `jobs` run at a time on this machine."""
        return 1 if self.serial else max(1, min(self.workers or _cores(), jobs))

    def kind(self, light: bool) -> Kind:
        """Return what runs the jobs; `light` ones, compiled or in processes of their own, leave the interpreter be."""
        if self.serial:
            return "serial"
        if self.scheduler is not None:
            return "existing"
        return self.cluster or ("threads" if light else "processes")

    def told(self, slots: int, contexts: Collection[RunContext]) -> str:
        """Return in one line what cluster runs the jobs of `contexts`, `slots` at a time, and why."""
        kind = self.kind(is_light(contexts))
        if kind == "existing":
            return f"executor: the cluster at {self.scheduler}, {slots} at a time (--scheduler)"
        if self.cluster is not None:
            why = "as asked for"
        elif all(context.isolated for context in contexts):
            why = "auto: each job has a process of its own"
        elif kind == "threads":
            why = "auto: compiled loops run side by side"
        else:
            why = "auto: Python handlers need an interpreter each"
        return f"executor: {kind}, {slots} at a time ({why})"

    def ordered(self, jobs: Iterable[Job]) -> list[Job]:
        """Return `jobs` in the order in which they are started."""
        if self.shuffle is not None:
            by_key = sorted(jobs, key=lambda job: job.key)
            return random.Random(self.shuffle).sample(by_key, len(by_key))
        return sorted(jobs, key=lambda job: -size_hint(job.security.source))  # none of the longest left for the end

    def units(self, context: RunContext, jobs: Iterable[Job]) -> list[Unit]:
        """Return `jobs` in the order in which they are started, packed into what one task runs."""
        ordered = self.ordered(jobs)
        size = self.unit_jobs
        return [Unit(context.run_id, tuple(ordered[first : first + size])) for first in range(0, len(ordered), size)]


def execute(
    execution: Execution,
    contexts: Iterable[RunContext],
    units: Units,
    *,
    at_most: int,
    on_start: Callable[[int, str | None], None],
    control: Control | None = None,
) -> Generator[list[Receipt], None, None]:
    """Yield the receipts of each of `units` as it ends, and now and then none, so that the caller can look around.

    There are no more workers than `at_most`, the number of units. `on_start` is told of the slots and the dashboard;
    when it is called, workers are there and have imported what they need.
    """
    known = {context.run_id: context for context in contexts}
    control = control or Control()
    slots = execution.slots(at_most)
    kind = execution.kind(is_light(known.values()))
    if kind == "serial":
        from dbatch.engine.ready import load
        from dbatch.engine.sequential import run_sequential

        for context in known.values():
            if not context.isolated:
                load(context)
        on_start(1, None)
        yield from run_sequential(known, units, control)
        return
    from dbatch.engine.cluster import dashboard_link, open_client
    from dbatch.engine.distributed import run_distributed, run_registered

    with (
        open_client(kind, slots, address=execution.scheduler, dashboard=execution.dashboard) as client,
        run_registered(client, known, ship=kind == "existing") as plugin,
    ):
        running = max(sum(client.nthreads().values()), 1)
        on_start(running, dashboard_link(client, kind) if execution.dashboard else None)
        yield from run_distributed(client, plugin, known, units, control, near=kind != "existing")


def is_light(contexts: Iterable[RunContext]) -> bool:
    """Return whether all jobs leave the interpreter be: they are compiled, or have processes of their own."""
    return all(context.compiled or context.isolated for context in contexts)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
