"""Jobs on a Dask cluster: one security, one partition, one task; receipts in completion order."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Event as Flag
from typing import Any

from distributed import Client, WorkerPlugin, as_completed, get_worker
from distributed.client import CancelledError
from distributed.scheduler import KilledWorker

from dbatch.cache import cache_dir
from dbatch.data.read import stop_reading
from dbatch.engine.unit import run_unit
from dbatch.errors import ClusterError
from dbatch.model import Job, Receipt, RunContext
from dbatch.plugins.shipping import ShippedStrategy, localise, pack

_WINDOW_PER_SLOT = 4


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

    def teardown(self, worker: Any) -> None:
        if self.stop is not None:
            self.stop.set()
            stop_reading()


def run_on_worker(plugin: str, job: Job) -> Receipt:
    """Run `job` under the run that the worker's plugin called `plugin` describes."""
    run = get_worker().plugins[plugin]
    try:
        return run_unit(run.context, job, stop=run.stop.is_set)
    except KeyboardInterrupt:  # not the user's: workers do not hear Ctrl-C
        error = "the handler raised KeyboardInterrupt"
        return Receipt(key=job.key, security=job.security.name, status="crashed", error=error)


def run_distributed(client: Client, context: RunContext, jobs: Sequence[Job], *, ship: bool) -> Iterator[Receipt]:
    """Yield the receipts of `jobs` as they finish; a bounded number of tasks is under way at a time.

    Raises StorageError as soon as a worker cannot keep results. Leaving the loop early stops what is running.
    """
    plugin = f"dbatch-{context.run_id}"
    client.register_plugin(RunOnWorker(context, pack(context.strategy) if ship else None), name=plugin)
    waiting = iter(jobs)
    submitted: dict[str, Job] = {}

    def submit(job: Job) -> Any:
        key = f"{context.strategy.name}/{job.security.name}-{uuid.uuid4().hex}"
        submitted[key] = job
        return client.submit(run_on_worker, plugin, job, key=key, pure=False)

    try:
        slots = max(sum(client.nthreads().values()), 1)
        first = [submit(job) for job in islice(waiting, _WINDOW_PER_SLOT * slots)]
        running = as_completed(first, loop=client.loop)
        for future in running:
            yield _receipt_of(future, submitted.pop(future.key))
            job = next(waiting, None)
            if job is not None:
                running.add(submit(job))
    finally:
        with contextlib.suppress(OSError):  # a scheduler that is gone keeps no plugin
            client.unregister_worker_plugin(plugin)


def _receipt_of(future: Any, job: Job) -> Receipt:
    """Return the receipt of a finished task; a worker's death is a receipt too, whatever else failed is raised."""
    try:
        error = future.exception() if future.status == "error" else None
        if error is None:
            receipt: Receipt = future.result()
            return receipt
    except (CancelledError, OSError) as lost:
        raise ClusterError(f"the Dask cluster is gone ({type(lost).__name__})") from lost
    if isinstance(error, KilledWorker):
        text = "its worker process died each time it ran (os._exit, a crash in native code, or out of memory)"
        return Receipt(key=job.key, security=job.security.name, status="crashed", error=text)
    raise error
