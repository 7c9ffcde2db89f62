"""A Dask client for a run: our own cluster on loopback, or the one at an address."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import resource_tracker
from typing import Any, Final, Literal

from dbatch.errors import ClusterError, UsageError
from dbatch.lifetime import scratch_folder
from dbatch.one_thread import ONE_THREAD

Kind = Literal["threads", "processes", "existing"]
_LOOPBACK = "127.0.0.1"
_USUAL_PORT = 8787
_OWN_CLUSTER: Final[dict[str, Any]] = {
    "distributed.comm.timeouts.connect": "30s",
    # The profiler stops the handler to look at its stack. Twice a second, in place of a hundred times, still fill
    # the dashboard's profile page: our tasks take seconds.
    "distributed.worker.profile.interval": "500ms",
    # Each server of the cluster (scheduler, nannies, workers) wakes up that often only to see whether its event
    # loop is late, for a warning in a log that is kept silent.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    # For Dask's own developers each server keeps the last thousand messages, with the units in them, transitions and
    # profiles: some 20 kB a unit, which look like a leak in a batch's first thousand units.
    "distributed.admin.low-level-log-length": 30,
    "distributed.worker.profile.cycle": "10s",
    # What each server uses of the machine, for the dashboard's plots: it may be that old. Polling the interpreter
    # lock a thousand times a second, as is done where gilknocker is installed, takes that lock from the handler.
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.system-monitor.gil.enabled": False,
    # The dashboard need not look twice a second whether its page was closed (Bokeh itself looks as seldom as this),
    # nor the client what workers there are: nobody asks ours.
    "distributed.scheduler.dashboard.bokeh-application.keep_alive_milliseconds": 15_000,
    "distributed.scheduler.dashboard.bokeh-application.check_unused_sessions_milliseconds": 15_000,
    "distributed.client.scheduler-info-interval": "30s",
    # It looks for copies of results on several workers; ours are receipts that nobody copies.
    "distributed.scheduler.active-memory-manager.start": False,
    # Dask has its worker processes give memory back to the system at once, which makes malloc map and unmap every
    # array above 128 KiB: pandas on a chunk then takes twice the CPU that it takes in any other process.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ONE_THREAD.items()},
}
"""Settings of Dask for our own clusters; worker processes get them from their nannies."""


_LENT: ContextVar[Any] = ContextVar("lent", default=None)


@contextmanager
def lent(client: Any) -> Iterator[None]:
    """Let runs on an existing cluster use `client` (None: one of their own) until the block ends; it is never closed.

    Raises UsageError for a client that is closed, or asynchronous.
    """
    if client is not None and (client.asynchronous or client.status != "running"):
        state = "asynchronous" if client.asynchronous else client.status
        raise UsageError(f"client: must be a connected dask.distributed.Client, is {state}")
    token = _LENT.set(client)
    try:
        yield
    finally:
        _LENT.reset(token)


@contextmanager
def open_client(kind: Kind, workers: int, *, address: str | None, dashboard: bool) -> Iterator[Any]:
    """Yield a distributed client: workers as threads of this process, as processes, or the cluster at `address`.

    Everything of our own listens on loopback only. Our cluster and its processes end with the block; a cluster
    that was there stays. Raises UsageError when nothing answers at `address`, ClusterError when ours does not start.
    """
    import dask
    from distributed import Client

    if kind == "existing" and _LENT.get() is not None:
        yield _LENT.get()
        return
    _quiet()
    if kind == "existing":
        try:
            client = Client(address, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from error
        with client:
            yield client
        return
    with scratch_folder() as folder:
        ours = _OWN_CLUSTER | {"temporary-directory": folder}
        with dask.config.set(ours), _signals_kept_from_children():
            try:
                cluster = _local_cluster(kind == "processes", workers, dashboard)
            except (RuntimeError, OSError, TimeoutError) as error:  # a worker died before it was there
                raise ClusterError(f"the workers could not be started ({error})") from error
        with cluster:
            if dashboard:
                from dbatch.engine.dashboard import serve_when_asked_for

                serve_when_asked_for(cluster.scheduler, _OWN_CLUSTER)
            with dask.config.set(_OWN_CLUSTER):
                client = Client(cluster, set_as_default=False)
            with client:
                yield client


def _local_cluster(processes: bool, workers: int, dashboard: bool) -> Any:
    """Return a running cluster on loopback: a worker process a slot, or one worker here with a thread a slot.

    Spelled out rather than a LocalCluster, which gives a worker a port on every interface or else a dashboard
    of its own: half a second of imports for each.
    """
    from distributed import Nanny, Scheduler, SpecCluster, Worker

    comm = {"protocol": "tcp://", "host": _LOOPBACK} if processes else {"protocol": "inproc://"}
    scheduler = {
        "dashboard": False,  # which the scheduler would load before it starts
        "dashboard_address": f"{_LOOPBACK}:{_dashboard_port() if dashboard else 0}",
        **comm,
    }
    worker = {
        "cls": Nanny if processes else Worker,
        "options": {
            "nthreads": 1 if processes else workers,
            "dashboard": False,
            "dashboard_address": f"{_LOOPBACK}:0",
            "memory_limit": 0,
            "silence_logs": logging.CRITICAL,
            **comm,
        },
    }
    return SpecCluster(
        workers=dict.fromkeys(range(workers if processes else 1), worker),
        scheduler={"cls": Scheduler, "options": scheduler},
        worker=worker,
        silence_logs=logging.CRITICAL,
    )


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """Block Ctrl-C while threads and processes are started: they inherit the mask, so that only the driver hears it.

    A Ctrl-C that comes meanwhile waits until the block ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()  # first, for it unblocks Ctrl-C in the thread that starts it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dashboard_link(client: Any, kind: Kind) -> str | None:
    """Return the address of the dashboard of `client`'s scheduler, or None.

    Our own listens on loopback, whatever name Dask would print for this machine.
    """
    if kind == "existing":
        link = client.dashboard_link
        return str(link) if link else None
    port = client.scheduler_info()["services"].get("dashboard")
    return f"http://{_LOOPBACK}:{port}/status" if port else None


def _dashboard_port() -> int:
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, _USUAL_PORT))
        except OSError:
            return 0
    return _USUAL_PORT


def _quiet() -> None:
    """Keep Dask's own log from the terminal: what a run has to tell, its receipts and errors tell."""
    for name in ("distributed", "tornado", "bokeh", "asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "bokeh", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
