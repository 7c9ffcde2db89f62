"""Wall and CPU seconds of a process and its children, phase by phase."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import psutil

from dbatch.engine.observe import Silent
from dbatch.engine.outcome import peak_rss_mb
from dbatch.model import Receipt
from dbatch.trials.trial import Measured, Phases


class Stopwatch(Silent):
    """Observes a run, or is told by hand, when its work begins and ends; it began with its process."""

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._work: list[tuple[float, float]] = []
        self._left = 0
        self._peak = 0.0
        self._slots = 1

    def started(self, strategy: str, jobs: int, done: int, slots: int, dashboard: str | None) -> None:
        self._left = jobs - done
        self.begin_work(slots)

    def finished(self, receipt: Receipt) -> None:
        self._left -= 1
        self._peak = max(self._peak, receipt.peak_rss_mb)
        if self._left == 0:
            self.end_work()

    def begin_work(self, slots: int) -> None:
        """Note that what follows is work."""
        self._slots = slots
        self._work = [self._now()]

    def end_work(self) -> None:
        """Note that the work is done."""
        self._work.append(self._now())

    def measured(self) -> Measured:
        """Return what was measured until now."""
        end = self._now()
        begun, done = [*self._work, end, end][:2]
        return Measured(
            wall=Phases(begun[0], done[0] - begun[0], end[0] - done[0]),
            cpu=Phases(begun[1], done[1] - begun[1], end[1] - done[1]),
            peak_rss_mb=self._peak or peak_rss_mb(),
            slots=self._slots,
            dask="dask" in sys.modules,
        )

    def _now(self) -> tuple[float, float]:
        """Return wall seconds since the process began, and the CPU seconds of it and of all its children."""
        times = self._me.cpu_times()
        cpu = times.user + times.system + times.children_user + times.children_system
        for child in self._me.children(recursive=True):
            with suppress(psutil.Error):  # it has ended
                spent = child.cpu_times()
                cpu += spent.user + spent.system
        return time.time() - self._me.create_time(), cpu
