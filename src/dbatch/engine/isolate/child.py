"""The process that runs jobs for a worker: it says which one it begins, so that its death has a name."""

from __future__ import annotations

import faulthandler
import functools
import gc
import os
import pickle
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, NoReturn

import numpy as np
import psutil

from dbatch.engine.alone import run_one
from dbatch.engine.isolate.messages import UNHEARD, Begun, Said, packed
from dbatch.engine.isolate.printing import Printing
from dbatch.engine.isolate.verdict import with_peak
from dbatch.engine.isolate.warden import adopt_orphans
from dbatch.engine.outcome import Outcome, failure
from dbatch.lifetime import die_with_parent
from dbatch.model import Job, Limits, RunContext, Unit
from dbatch.one_thread import one_thread_each
from dbatch.plugins.loading import Load, load_factory

_ROOM: Final = 1 << 30
_ARMED_EVERY_SEC: Final = 0.3
_WATCHDOG_SEC: Final = 0.8


class Handles(NamedTuple):
    """Descriptors: what there is to do, where messages go, what is printed, where stacks are written."""

    orders: int
    messages: int
    output: int
    stacks: int


@dataclass(frozen=True)
class Orders:
    """The jobs to run, and what their process takes over from the one that asks for it."""

    context: RunContext
    unit: Unit
    folder: str | None
    path: list[str]
    arguments: list[str]
    environment: dict[str, str]


def run_orders(parent: int, handles: Handles) -> NoReturn:
    """Run the jobs that `handles.orders` holds in turn, and say before, between and after them what happens.

    This process, `parent`'s child, is good for nothing else: it ends here, or with its parent. On SIGUSR1 the stacks
    of all threads are written, even while C code holds the interpreter.
    """
    os.setsid()  # so that what a handler starts can be killed with it
    die_with_parent(parent)
    adopt_orphans()
    _be_first_to_go()
    printing = Printing(handles.output)
    faulthandler.enable(handles.stacks)
    faulthandler.register(signal.SIGUSR1, file=handles.stacks)
    with open(handles.orders, "rb") as file:
        orders: Orders = pickle.load(file)  # noqa: S301 - written by the process that asked for us
    _take_over(orders)
    _limit_memory(orders.context.limits)
    try:
        run_jobs(orders.context, orders.unit.jobs, handles, printing)
    except OSError:  # a handler closed our descriptors, or put something else in their place
        os._exit(UNHEARD)
    os._exit(0)


def run_jobs(context: RunContext, jobs: Sequence[Job], handles: Handles, printing: Printing) -> None:
    """Run `jobs` in turn and say what happens; a message has what became of one and that the next one begins.

    Raises OSError when there is nobody, or no way, to say it to.
    """
    load = functools.cache(load_factory)  # the first job looks at the strategy's files, for all of them
    watchdog = _Watchdog(context.limits, handles.stacks)
    peak = _Peak()
    outcome: Outcome | None = None
    for index, job in enumerate(jobs):
        start = printing.begin()
        _say(handles.messages, Said(outcome, Begun(index, start)))
        outcome = None  # its fills need not stay while the next job runs
        watchdog.begin()
        peak.begin()
        outcome = _outcome(context, job, load)
        printed = printing.since(start)
        if printed:
            outcome = replace(outcome, receipt=replace(outcome.receipt, output=printed))
    _say(handles.messages, Said(outcome, None))


def _outcome(context: RunContext, job: Job, load: Load) -> Outcome:
    began = time.perf_counter()
    try:
        outcome = run_one(context, job, load=load)
    except BaseException as error:  # noqa: BLE001 - nothing is stored here, so whatever it is, it is the job's
        outcome = Outcome(failure(context, job, error, time.perf_counter() - began))
    if outcome.receipt.status == "oom":
        return Outcome(with_peak(outcome.receipt, context.limits))
    return outcome


def _say(handle: int, said: Said) -> None:
    left = memoryview(packed(said))
    while left:
        left = left[os.write(handle, left) :]


class _Watchdog:
    """Has the stacks written some time after a job's limit: for handlers that let no signal through."""

    def __init__(self, limits: Limits, stacks: int) -> None:
        self._seconds = limits.seconds
        self._stacks = stacks
        self._armed = -_ARMED_EVERY_SEC

    def begin(self) -> None:
        """A job begins: wind it up, unless that was done a moment ago, for it costs a thread."""
        now = time.monotonic()
        if self._seconds is not None and now - self._armed >= _ARMED_EVERY_SEC:
            self._armed = now
            with suppress(RuntimeError):  # no thread can be started
                faulthandler.dump_traceback_later(self._seconds + _WATCHDOG_SEC, file=self._stacks)


class _Peak:
    """The most memory that the process held: it can begin anew for a job, on Linux."""

    def __init__(self) -> None:
        self._handle: int | None = None
        with suppress(OSError):
            self._handle = os.open("/proc/self/clear_refs", os.O_WRONLY)

    def begin(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                os.write(self._handle, b"5")


def _be_first_to_go() -> None:
    """When the machine's memory runs out, have the system take this process rather than the worker or the driver."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")


def _take_over(orders: Orders) -> None:
    gc.enable()
    os.environ.clear()
    os.environ.update(orders.environment)
    one_thread_each(os.environ)
    sys.path[:] = orders.path
    sys.argv[:] = orders.arguments
    if orders.folder is not None:
        with suppress(OSError):
            os.chdir(orders.folder)
    np.random.seed()  # else what the server's numpy would draw, in each of its children


def _limit_memory(limits: Limits) -> None:
    """Refuse what goes far beyond the limit at once; the parent looks after what grows slowly."""
    if limits.memory is None:
        return
    import resource

    mapped = psutil.Process().memory_info().vms
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = mapped + limits.memory + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
