"""Which executor runs the jobs, and the receipts it yields."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dbatch.model import Job, Receipt, RunContext

Kind = Literal["serial", "threads", "processes", "existing"]


@dataclass(frozen=True)
class Execution:
    """How to run: `workers` at a time (None for all cores), on the cluster at `scheduler` when given."""

    workers: int | None = None
    serial: bool = False
    scheduler: str | None = None
    dashboard: bool = True

    def slots(self, jobs: int) -> int:
        """Return how many jobs of `jobs` run at a time on this machine."""
        return 1 if self.serial else max(1, min(self.workers or _cores(), jobs))

    def kind(self, compiled: bool) -> Kind:
        """Return what runs the jobs: compiled loops let go of the interpreter, plain handlers need processes."""
        if self.serial:
            return "serial"
        if self.scheduler is not None:
            return "existing"
        return "threads" if compiled else "processes"


def execute(
    execution: Execution,
    context: RunContext,
    jobs: Sequence[Job],
    *,
    compiled: bool,
    on_start: Callable[[int, str | None], None],
) -> Iterator[Receipt]:
    """Yield the receipts of `jobs` as they finish, after `on_start` was told of the slots and the dashboard."""
    slots = execution.slots(len(jobs))
    kind = execution.kind(compiled)
    if kind == "serial":
        from dbatch.engine.sequential import run_sequential

        on_start(1, None)
        yield from run_sequential(context, jobs)
        return
    from dbatch.engine.cluster import dashboard_link, open_client
    from dbatch.engine.distributed import run_distributed

    with open_client(kind, slots, address=execution.scheduler, dashboard=execution.dashboard) as client:
        running = max(sum(client.nthreads().values()), 1)
        on_start(running, dashboard_link(client, kind) if execution.dashboard else None)
        yield from run_distributed(client, context, jobs, ship=kind == "existing")


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
