"""Jobs on a Dask cluster: one security, one partition, one task; receipts in completion order."""

from __future__ import annotations

import contextlib
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Event as Flag
from typing import Any

from distributed import Client, WorkerPlugin, as_completed, get_worker
from distributed.client import CancelledError
from distributed.scheduler import KilledWorker

from dbatch.cache import cache_dir
from dbatch.data.read import stop_reading
from dbatch.engine.isolate.parent import prepare, run_isolated
from dbatch.engine.ready import leave_modules_alone, load
from dbatch.engine.unit import run_worker_unit
from dbatch.errors import ClusterError
from dbatch.model import Job, Receipt, RunContext
from dbatch.plugins.shipping import ShippedStrategy, localise, pack

_MOST_TASKS_A_SLOT = 4
_DRIVER_BUSY_SEC = 0.5
"""A slot waits some 15 ms for its next task, longer while the driver writes results: nothing to a task that long."""


@dataclass
class RunOnWorker(WorkerPlugin):  # type: ignore[misc]
    """What a worker keeps of a run: its context, so that a task is names and numbers only.

    The strategy's files travel along for workers that do not see the driver's.
    """

    context: RunContext
    shipped: ShippedStrategy | None = None
    stop: Any = field(default=None, init=False)

    def setup(self, worker: Any) -> None:
        self.stop = Flag()
        if self.shipped is not None:
            strategy = localise(self.shipped, cache_dir())
            self.context = replace(self.context, strategy=strategy)
        if self.context.limits:
            prepare()
            return
        load(self.context)
        if self.shipped is None and worker.nanny is not None:  # a process of our own cluster
            leave_modules_alone()

    def teardown(self, worker: Any) -> None:
        if self.stop is not None:
            self.stop.set()
            stop_reading()


def run_on_worker(plugin: str, unit: tuple[Job, ...]) -> list[Receipt]:
    """Run the jobs of `unit` in turn under the run that the worker's plugin called `plugin` describes."""
    run = get_worker().plugins[plugin]
    if run.context.limits:
        return list(run_isolated(run.context, unit, stop=run.stop.is_set))
    return [run_worker_unit(run.context, job, stop=run.stop.is_set) for job in unit]


@contextmanager
def run_registered(client: Client, context: RunContext, *, ship: bool) -> Iterator[str]:
    """Yield the name under which every worker of `client` knows the run that `context` describes.

    Workers have loaded the strategy by then, each from its own files; those of an existing cluster, which may not
    have them, get them sent (`ship`). Leaving the block stops what is running.
    """
    plugin = f"dbatch-{context.run_id}"
    client.register_plugin(RunOnWorker(context, pack(context.strategy) if ship else None), name=plugin)
    try:
        yield plugin
    finally:
        with contextlib.suppress(OSError):  # a scheduler that is gone keeps no plugin
            client.unregister_worker_plugin(plugin)


def run_distributed(
    client: Client, plugin: str, context: RunContext, units: Sequence[tuple[Job, ...]], *, near: bool
) -> Iterator[Receipt]:
    """Yield the receipts of all jobs of `units` as they finish; a bounded number of tasks is under way at a time.

    Units are started in their order. On a cluster that is `near` (our own) a worker gets its next task when it is
    free, so that the last ones end together; tasks too short to wait for that queue at the workers.
    A unit whose worker dies is run again job by job, so that the guilty one is found and the others finish.
    Raises StorageError as soon as a worker cannot keep results.
    """
    waiting = deque(units)
    submitted: dict[str, tuple[Job, ...]] = {}
    slots = max(sum(client.nthreads().values()), 1)
    pace = Pace()
    turn = count()

    def submit() -> Iterator[Any]:
        while waiting and len(submitted) < slots * (pace.tasks_a_slot if near else _MOST_TASKS_A_SLOT):
            unit = waiting.popleft()
            more = f"+{len(unit) - 1}" if len(unit) > 1 else ""
            key = f"{context.strategy.name}/{unit[0].security.name}{more}-{uuid.uuid4().hex}"
            submitted[key] = unit
            # said outright, for of tasks that arrive together Dask starts the last one first
            yield client.submit(run_on_worker, plugin, unit, key=key, pure=False, priority=-next(turn))

    running = as_completed(submit(), loop=client.loop)
    for future in running:
        unit = submitted.pop(future.key)
        running.update(list(submit()))  # before anything else: a worker is free
        receipts = _receipts_of(future, unit)
        if receipts is None:
            waiting.extendleft((job,) for job in reversed(unit))
        else:
            pace = pace.after(receipts)
            yield from receipts
        running.update(list(submit()))


@dataclass(frozen=True)
class Pace:
    """How long tasks have taken so far: how many there were, and their seconds together."""

    tasks: int = 0
    seconds: float = 0.0

    def after(self, receipts: Sequence[Receipt]) -> Pace:
        """Return the pace after one more task, which gave `receipts`."""
        return Pace(self.tasks + 1, self.seconds + sum(receipt.runtime_sec for receipt in receipts))

    @property
    def tasks_a_slot(self) -> int:
        """How many tasks a slot needs, the running one among them, to have work while the driver is busy.

        >>> Pace().tasks_a_slot, Pace(10, 20.0).tasks_a_slot, Pace(10, 5.0).tasks_a_slot, Pace(10, 0.01).tasks_a_slot
        (1, 1, 2, 4)
        """
        if self.tasks == 0:
            return 1
        return 1 + min(int(_DRIVER_BUSY_SEC * self.tasks / max(self.seconds, 1e-9)), _MOST_TASKS_A_SLOT - 1)


def _receipts_of(future: Any, unit: tuple[Job, ...]) -> list[Receipt] | None:
    """Return the receipts of a finished task, None for a unit of several jobs whose worker died.

    The death of a single job's worker is a receipt too; whatever else failed is raised.
    """
    try:
        error = future.exception() if future.status == "error" else None
        if error is None:
            receipts: list[Receipt] = future.result()
            return receipts
    except (CancelledError, OSError) as lost:
        raise ClusterError(f"the Dask cluster is gone ({type(lost).__name__})") from lost
    if not isinstance(error, KilledWorker):
        raise error
    if len(unit) > 1:
        return None
    text = "its worker process died each time it ran (os._exit, a crash in native code, or out of memory)"
    return [Receipt(key=unit[0].key, security=unit[0].security.name, status="crashed", error=text)]
