"""Units on a Dask cluster, one task each; receipts in completion order."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event as Flag
from typing import Any, Final

from distributed import Client, WorkerPlugin, get_worker
from distributed.client import CancelledError
from distributed.scheduler import KilledWorker

from dbatch.cache import cache_dir
from dbatch.data.read import stop_reading
from dbatch.durable import passed
from dbatch.engine.control import Control
from dbatch.engine.ready import leave_modules_alone, load
from dbatch.engine.unit import run_unit
from dbatch.engine.units import Units
from dbatch.errors import ClusterError
from dbatch.model import Receipt, RunContext, Unit
from dbatch.plugins.shipping import ShippedStrategy, localise, pack

_MOST_TASKS_A_SLOT: Final = 4
_DRIVER_BUSY_SEC: Final = 0.5
"""A slot waits some 15 ms for its next task, longer while the driver writes results: nothing to a task that long."""

_LOOK_EVERY_SEC: Final = 0.5
_TRIES: Final = 3
_NO_WORKERS_SEC: Final = 60.0
"""How long a cluster may be without a worker; our own starts a new one in some seconds."""


@dataclass
class RunOnWorker(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """What a worker keeps of a run: its contexts, so that a task is names and numbers only.

    The strategies' files travel along for workers that do not see the driver's.
    """

    contexts: Mapping[str, RunContext]
    shipped: Mapping[str, ShippedStrategy] = field(default_factory=dict)
    stop: Any = field(default=None, init=False)
    drain: Any = field(default=None, init=False)

    def setup(self, worker: Any) -> None:
        self.stop, self.drain = Flag(), Flag()
        here = {run_id: localise(shipped, cache_dir()) for run_id, shipped in self.shipped.items()}
        self.contexts = {
            run_id: replace(context, strategy=here.get(run_id, context.strategy))
            for run_id, context in self.contexts.items()
        }
        if any(context.isolated for context in self.contexts.values()):
            from dbatch.engine.isolate.parent import prepare

            prepare(self.contexts.values())
        for context in self.contexts.values():
            if not context.isolated:
                load(context)
        if not self.shipped and worker.nanny is not None:  # a process of our own cluster
            leave_modules_alone()

    def teardown(self, worker: Any) -> None:
        if self.stop is not None:
            self.stop.set()
            stop_reading()


def run_on_worker(plugin: str, unit: Unit) -> list[Receipt]:
    """Run the jobs of `unit` in turn under the run that the worker's plugin called `plugin` describes."""
    run = get_worker().plugins[plugin]
    return run_unit(run.contexts[unit.run_id], unit, stop=run.stop.is_set, drain=run.drain.is_set)


async def _drain_on_worker(plugin: str, dask_worker: Any) -> None:  # on its event loop: its threads are busy
    if plugin in dask_worker.plugins:
        dask_worker.plugins[plugin].drain.set()


@contextmanager
def run_registered(client: Client, contexts: Mapping[str, RunContext], *, ship: bool) -> Iterator[str]:
    """Yield the name under which every worker of `client` knows the run that `contexts` describe.

    Workers have loaded the strategies by then, each from its own files; those of an existing cluster, which may not
    have them, get them sent (`ship`). Leaving the block stops what is running.
    """
    plugin = f"dbatch-{uuid.uuid4().hex}"
    shipped = {run_id: pack(context.strategy) for run_id, context in contexts.items()} if ship else {}
    _register(client, RunOnWorker(contexts, shipped), plugin)
    try:
        yield plugin
    finally:
        with contextlib.suppress(OSError):  # a scheduler that is gone keeps no plugin
            client.unregister_worker_plugin(plugin)


def _register(client: Client, plugin: RunOnWorker, name: str) -> None:
    """Have every worker of `client` set up `plugin`. Raises ClusterError."""
    for left in reversed(range(_TRIES)):
        try:
            client.register_plugin(plugin, name=name)
            return
        except OSError as lost:  # with a worker that died meanwhile; those that come now know the plugin
            if not left:
                raise ClusterError(f"the Dask cluster is gone ({type(lost).__name__})") from lost


def run_distributed(
    client: Client,
    plugin: str,
    contexts: Mapping[str, RunContext],
    units: Units,
    control: Control,
    *,
    near: bool,
) -> Iterator[list[Receipt]]:
    """Yield the receipts of each of `units` as it ends, and now and then none, so that the caller can look around.

    Units are started in their order, a bounded number at a time. On a cluster that is `near` (our own) a worker gets
    its next task when it is free, so that the last ones end together; tasks too short to wait for that queue at the
    workers. A unit whose worker dies is run again job by job, so that the guilty one is found and the others finish.
    When `control` says to drain, units under way end with the job they are at; what is not over by its deadline is
    left. Raises StorageError as soon as a worker cannot keep results, ClusterError when the cluster is gone.
    """
    slots = max(sum(client.nthreads().values()), 1)
    window = _Window(client, plugin, contexts)
    pace = Pace()
    watch = _Workers(client)
    told = False
    while True:
        while not control.draining and len(window) < slots * (pace.tasks_a_slot if near else _MOST_TASKS_A_SLOT):
            unit = units.take(slots)
            if unit is None:
                break
            window.submit(unit)
        if not len(window) or control.expired:
            return
        if control.draining and not told:
            told = True
            with contextlib.suppress(OSError):
                client.run(_drain_on_worker, plugin, wait=False)
        future = window.next_done()
        if future is None:
            watch.look()
            yield []
            continue
        watch.heard()
        unit, receipts = window.take_back(future)
        if receipts is None:
            units.died(unit)
            yield []
            continue
        pace = pace.after(receipts)
        units.finished(unit, receipts)
        passed(6)
        yield receipts
        passed(8)


class _Window:
    """The tasks under way."""

    def __init__(self, client: Client, plugin: str, contexts: Mapping[str, RunContext]) -> None:
        self._client, self._plugin, self._contexts = client, plugin, contexts
        self._units: dict[str, Unit] = {}
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._turn = count()

    def __len__(self) -> int:
        return len(self._units)

    def submit(self, unit: Unit) -> None:
        more = f"+{len(unit.jobs) - 1}" if len(unit.jobs) > 1 else ""
        name = self._contexts[unit.run_id].strategy.name
        key = f"{name}/{unit.jobs[0].security.name}{more}-{uuid.uuid4().hex}"
        self._units[key] = unit
        # said outright, for of tasks that arrive together Dask starts the last one first
        priority = unit.priority * _A_PRIORITY - next(self._turn)
        future = self._client.submit(run_on_worker, self._plugin, unit, key=key, pure=False, priority=priority)
        future.add_done_callback(self._done.put)

    def next_done(self) -> Any:
        """Return the next task that is over, None when there was none for a while."""
        try:
            return self._done.get(timeout=_LOOK_EVERY_SEC)
        except Empty:
            return None

    def take_back(self, future: Any) -> tuple[Unit, list[Receipt] | None]:
        """Return a finished task's unit and its receipts, None for several jobs whose worker died.

        The death of a single job's worker is a receipt too; whatever else failed is raised.
        """
        unit = self._units.pop(future.key)
        try:
            error = future.exception() if future.status == "error" else None
            if error is None:
                return unit, future.result()
        except (CancelledError, OSError) as lost:
            raise ClusterError(f"the Dask cluster is gone ({type(lost).__name__})") from lost
        if not isinstance(error, KilledWorker):
            raise error
        if len(unit.jobs) > 1:
            return unit, None
        job = unit.jobs[0]
        text = "its worker process died each time it ran (os._exit, a crash in native code, or out of memory)"
        return unit, [Receipt(key=job.key, security=job.security.name, status="crashed", error=text)]


_A_PRIORITY: Final = 1 << 32


class _Workers:
    """Whether there are any: a scheduler whose workers are all gone waits for ever."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.heard()

    def heard(self) -> None:
        self._alive = self._looked = time.monotonic()

    def look(self) -> None:
        """Raise ClusterError when there has been no worker for long."""
        now = time.monotonic()
        if now - self._looked < 5.0:
            return
        self._looked = now
        try:
            workers = self._client.nthreads()
        except (OSError, TimeoutError, CancelledError) as lost:
            raise ClusterError(f"the Dask cluster is gone ({type(lost).__name__})") from lost
        if workers:
            self._alive = now
        elif now - self._alive > _NO_WORKERS_SEC:
            raise ClusterError(f"the Dask cluster has had no worker for {_NO_WORKERS_SEC:.0f} s")


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
