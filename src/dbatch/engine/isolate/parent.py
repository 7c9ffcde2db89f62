"""Runs jobs in child processes that may hang, crash or grow; whatever one does becomes its receipt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from dbatch.engine.isolate.forking import fork_server
from dbatch.engine.isolate.preload import needs_of
from dbatch.engine.isolate.process import Child
from dbatch.engine.isolate.verdict import Remains, crashed
from dbatch.engine.isolate.watch import Heard, Watch
from dbatch.engine.unit import Outcome
from dbatch.model import Job, RunContext


def prepare(contexts: Iterable[RunContext] = ()) -> None:
    """Start the server that children are forked from, and have it import what jobs of `contexts` need.

    Waits for neither. The server ends with this process.
    """
    with contextlib.suppress(OSError):  # the first job will say so
        fork_server().ask(needs_of(contexts))


def run_isolated(
    context: RunContext, jobs: Sequence[Job], *, stop: Callable[[], bool] = lambda: False
) -> Iterator[Outcome]:
    """Yield the outcomes of `jobs`, run one after the other in a child process, each within the context's limits.

    A job that takes the child along, or has to be stopped, gets a receipt that says so, and the others go on in a
    fresh one. Where that may have been the fault of jobs before it, or of none, the job is run once more, as the first
    of a fresh child, so that how jobs are packed decides nothing. Raises InterruptedError when `stop` said so.
    """
    done = 0
    again: int | None = None
    while done < len(jobs):
        with contextlib.closing(_in_a_child(context, jobs[done:], stop)) as attempt:
            for outcome, sure in attempt:
                if not sure and again != done:
                    again = done
                    break
                yield outcome
                done += 1


def _in_a_child(context: RunContext, jobs: Sequence[Job], stop: Callable[[], bool]) -> Generator[Heard, None, None]:
    """Yield what becomes of `jobs`, of one at least, in one child process."""
    try:
        child = Child(context, jobs)
    except OSError as error:
        yield Heard(Outcome(crashed(jobs[0], f"its process could not be started: {error}", Remains())), sure=False)
        return
    with contextlib.closing(child):
        yield from Watch(context, jobs, child).outcomes(stop)
