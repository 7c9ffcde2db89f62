"""The process that runs jobs for a worker: it says which one it begins, so that its death has a name."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection

from dbatch.engine.unit import run_one
from dbatch.lifetime import die_with_parent
from dbatch.model import Job, Limits, RunContext

BEGUN, DONE, BROKEN = "begun", "done", "broken"
_ROOM = 1 << 30


def run_jobs(pipe: Connection, stacks: str, context: RunContext, jobs: Sequence[Job]) -> None:
    """Run `jobs` in turn and send what happens: (BEGUN, key), (DONE, outcome), or (BROKEN, error) and no more.

    On SIGUSR1 the stacks of all threads are written to the file `stacks`, even while C code holds the interpreter.
    """
    os.setsid()  # so that what a handler starts can be killed with it
    die_with_parent(os.getppid())
    _limit_memory(context.limits)
    with open(stacks, "wb") as file:
        faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)
        for job in jobs:
            pipe.send((BEGUN, job.key))
            try:
                pipe.send((DONE, run_one(context, job)))
            except Exception as error:  # noqa: BLE001 - results cannot be kept: the worker raises it again
                pipe.send((BROKEN, error))
                return


def _limit_memory(limits: Limits) -> None:
    """Refuse what goes far beyond the limit at once; the parent looks after what grows slowly."""
    if limits.memory is None:
        return
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    mapped = psutil.Process().memory_info().vms
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = mapped + limits.memory + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
