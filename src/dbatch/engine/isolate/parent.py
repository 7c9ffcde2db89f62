"""Runs jobs in child processes that may hang, crash or grow; whatever one does becomes its receipt."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from dbatch.engine.isolate.forking import ForkServer, fork_server, give_up
from dbatch.engine.isolate.preload import needs_of
from dbatch.engine.isolate.process import Child
from dbatch.engine.isolate.verdict import Remains, crashed
from dbatch.engine.isolate.watch import Blame, Heard, Watch
from dbatch.engine.outcome import Outcome
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
    fresh one. Where that may have been another's doing, the job is run once more, as the first of a fresh child, so
    that neither how jobs are packed nor what runs beside them decides anything. Raises InterruptedError when `stop`
    said so.
    """
    done = 0
    again: int | None = None
    own_server = False
    while done < len(jobs):
        with contextlib.closing(_in_a_child(context, jobs[done:], stop, own_server)) as attempt:
            own_server = False
            for outcome, blame in attempt:
                if blame is not Blame.JOB and again != done:
                    again = done
                    own_server = blame is Blame.SERVER
                    break
                yield outcome
                done += 1


def _in_a_child(
    context: RunContext, jobs: Sequence[Job], stop: Callable[[], bool], own_server: bool
) -> Generator[Heard, None, None]:
    """Yield what becomes of `jobs`, of one at least, in one child process.

    With its own fork server, what children of other threads do to theirs is no matter.
    """
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(contextlib.closing(ForkServer())) if own_server else fork_server()
            child = stack.enter_context(contextlib.closing(Child(server, context, jobs)))
        except OSError as error:
            receipt = crashed(jobs[0], f"its process could not be started: {error}", Remains())
            yield Heard(Outcome(receipt), Blame.OTHERS)
            return
        for heard in Watch(context, jobs, child).outcomes(stop):
            if heard.blame is Blame.SERVER:
                give_up(server)
            yield heard
