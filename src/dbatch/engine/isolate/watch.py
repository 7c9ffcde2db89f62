"""Listens to one child process until its jobs are done or it is over, and says what became of each."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from dbatch.engine.isolate import verdict
from dbatch.engine.isolate.messages import UNHEARD, GarbledError, Said
from dbatch.engine.isolate.process import Child
from dbatch.engine.isolate.verdict import Ended, Remains
from dbatch.engine.outcome import Outcome
from dbatch.model import Job, RunContext

_LOOK_EVERY_SEC: Final = 0.1
_SERVER_START_SEC: Final = 120.0
_START_SEC: Final = 30.0
_TO_END_SEC: Final = 2.0
_FROM_OUTSIDE: Final = frozenset({-signal.SIGTERM, -signal.SIGINT, -getattr(signal, "SIGHUP", 1)})


class Blame(Enum):
    """Whose doing it is: the job's own, perhaps that of others (before it in its process), or its fork server's."""

    JOB = auto()
    OTHERS = auto()
    SERVER = auto()


class Heard(NamedTuple):
    """What became of a job, and whose doing that is."""

    outcome: Outcome
    blame: Blame = Blame.JOB


@dataclass
class _Running:
    """The job that the child is at, since when, what was printed before, and the most memory it was seen with."""

    index: int
    since: float
    printed: int = 0
    peak: int = 0


class Watch:
    """A child process and what is known of the job that it is at."""

    def __init__(self, context: RunContext, jobs: Sequence[Job], child: Child) -> None:
        self._limits = context.limits
        self._jobs = jobs
        self._child = child
        self._running = _Running(0, time.monotonic())
        self._begun = False
        self._looked = self._last_heard = time.monotonic()

    def outcomes(self, stop: Callable[[], bool]) -> Iterator[Heard]:
        """Yield what becomes of each job in turn; where the child is over before all are done, the last one says why.

        Raises InterruptedError when `stop` said so.
        """
        finished = 0
        while finished < len(self._jobs):
            if stop():
                raise InterruptedError("stopped from outside")
            try:
                for said in self._child.hear(_LOOK_EVERY_SEC):
                    suspect = self._suspect
                    self._note(said)
                    if said.outcome is not None:
                        finished += 1
                        yield Heard(said.outcome, suspect if said.outcome.receipt.status == "oom" else Blame.JOB)
            except GarbledError:
                yield self._crashed("something else than dbatch wrote into its pipe to dbatch")
                return
            if finished < len(self._jobs) and (over := self._over()) is not None:
                yield over
                return

    def _note(self, said: Said) -> None:
        if said.begun is not None:
            self._running = _Running(said.begun.job, time.monotonic(), said.begun.printed)
            self._begun = True

    def _over(self) -> Heard | None:
        """Return what becomes of the job under way where the child is over, or has to be stopped; else None."""
        child = self._child
        now = time.monotonic()
        if not child.silent:
            self._last_heard = now
        if child.orphaned:
            began = "its process ended with" if self._begun else "its process could not be started by"
            return self._crashed(f"{began} the fork server, which ended or was killed", Blame.SERVER)
        if child.refused is not None:
            return self._crashed(f"its process could not be started: {os.strerror(child.refused)}", Blame.OTHERS)
        if child.ended is not None:
            return self._died(child.ended)
        if child.closed:  # it is ending, and takes its time where it held much memory
            patient = now - self._last_heard < _TO_END_SEC
            return None if patient else self._crashed("its process closed its pipe to dbatch and lived on")
        return self._over_limit(now) if self._begun else self._late_to_start(now)

    def _over_limit(self, now: float) -> Heard | None:
        running, limits = self._running, self._limits
        if now - self._looked >= _LOOK_EVERY_SEC:
            self._looked = now
            running.peak = max(running.peak, self._child.memory())
            if limits.memory is not None and running.peak > limits.memory:
                remains = self._remains(self._child.stacks_now(patience=_LOOK_EVERY_SEC))
                return Heard(Outcome(verdict.over_memory(self._job, limits, remains)), self._suspect)
        # nothing was heard: else it may be saying that it is done
        if limits.seconds is not None and self._child.silent and now - running.since > limits.seconds:
            return Heard(Outcome(verdict.over_time(self._job, limits, self._remains(self._child.stacks_now()))))
        return None

    def _late_to_start(self, now: float) -> Heard | None:
        """Return the end of waiting for a child that does not begin, None while that can still be."""
        waiting = now - self._last_heard
        if self._child.pid is None and waiting > _SERVER_START_SEC:
            return self._crashed(f"the fork server gave it no process within {_SERVER_START_SEC:.0f} s", Blame.SERVER)
        if self._child.pid is not None and waiting > _START_SEC:
            return self._crashed(f"its process did not begin within {_START_SEC:.0f} s", Blame.OTHERS)
        return None

    def _died(self, ended: Ended) -> Heard:
        if not self._begun:
            return self._crashed(f"its process could not be started: it {verdict.how(ended)}", Blame.OTHERS)
        if ended.code == UNHEARD:
            return self._crashed("its handler closed the pipe to dbatch")
        receipt = verdict.died(self._job, self._limits, ended, self._remains(self._child.last_stacks()))
        return Heard(Outcome(receipt), Blame.OTHERS if ended.code in _FROM_OUTSIDE else self._suspect)

    def _crashed(self, error: str, blame: Blame | None = None) -> Heard:
        return Heard(Outcome(verdict.crashed(self._job, error, self._remains())), blame or self._suspect)

    @property
    def _job(self) -> Job:
        return self._jobs[self._running.index]

    @property
    def _suspect(self) -> Blame:
        """Whose doing it is when a process dies or has no memory left: of its first job alone that is certain."""
        return Blame.JOB if self._running.index == 0 else Blame.OTHERS

    def _remains(self, stacks: str = "") -> Remains:
        """Return what is left of the job under way; its process, if it still lives, is killed first."""
        seconds = time.monotonic() - self._running.since
        self._child.kill()
        peak = self._child.ended.peak if self._child.ended is not None else 0
        return Remains(self._child.printed_since(self._running.printed), stacks, seconds, max(self._running.peak, peak))
