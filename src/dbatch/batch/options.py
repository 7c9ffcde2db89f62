"""How a batch is carried out: everything that cannot change a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dbatch.engine.execute import Execution
from dbatch.errors import UsageError

Isolate = Literal["auto", "process", "worker", "none"]
Stale = Literal["refuse", "accept", "rerun"]

AUTO_FILLS_RUNS: Final = 100
AUTO_FILLS_TOP: Final = 10
_STORED: Final = (
    "isolate",
    "unit_jobs",
    "timeout",
    "memory_limit",
    "retries",
    "fills",
    "runs",
    "batch_timeout",
    "tags",
    "priority",
    "objective",
    "study",
)


@dataclass(frozen=True)
class MaxFailures:
    """When there are too many failed runs: more than `count`, or than `percent` of all."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> MaxFailures:
        """Return what "10" or "5%" says. Raises UsageError."""
        number = text.strip().removesuffix("%")
        try:
            if text.strip().endswith("%"):
                percent = float(number)
                if 0 <= percent <= 100:
                    return cls(percent=percent)
            elif int(number) >= 0:
                return cls(count=int(number))
        except ValueError:
            pass
        raise UsageError(f"--max-failures {text}: must be a number of runs (10) or a share of them (5%)")

    def exceeded(self, failed: int, runs: int) -> bool:
        """Return whether `failed` runs of `runs` are too many."""
        if self.count is not None and failed > self.count:
            return True
        return self.percent is not None and failed > self.percent / 100 * runs


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is carried out; every field has the option of its name.

    `timeout` (seconds a job) and `memory_limit` (bytes a job) beat the batch file's where given; `unit_jobs` is how
    many jobs a task runs (None: by measurement); `fills` is "auto", "all", "none" or "top:N"; `runs` is the range of
    run numbers to carry out (None: all); `tags` and `priority` are added to every run's; `study` is the history that
    the batch belongs to; `objective` says which run is the best (`results.objective`); `grace` seconds are given to
    what is under way when the batch is stopped.
    """

    execution: Execution = field(default_factory=Execution)
    isolate: Isolate = "auto"
    unit_jobs: int | None = None
    timeout: float | None = None
    memory_limit: int | None = None
    batch_timeout: float | None = None
    grace: float = 10.0
    retries: int = 0
    fail_fast: bool | None = None
    max_failures: MaxFailures | None = None
    fills: str = "auto"
    runs: tuple[int, int | None] | None = None
    merge: bool = True
    rerun: bool = False
    stale: Stale = "refuse"
    tags: tuple[str, ...] = ()
    study: str | None = None
    priority: int = 0
    objective: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return those options that a resumed batch takes over, as JSON can hold them."""
        return {name: getattr(self, name) for name in _STORED}

    def kept_fills(self, runs: int) -> tuple[bool, int]:
        """Return whether the fills of all of `runs` are kept, and how many of the best runs' are kept otherwise.

        Raises UsageError for `fills` that say neither.
        """
        if self.fills == "auto":
            return runs <= AUTO_FILLS_RUNS, AUTO_FILLS_TOP
        if self.fills in ("all", "none"):
            return self.fills == "all", 0
        kind, _, number = self.fills.partition(":")
        if kind == "top" and number.isdecimal() and int(number) > 0:
            return False, int(number)
        raise UsageError(f"--fills {self.fills}: must be all, none, top:N or auto")


def parse_runs(text: str) -> tuple[int, int | None]:
    """Return the range of run numbers that "START:END" names, the end not in it. Raises UsageError.

    >>> parse_runs("100:200"), parse_runs("100:"), parse_runs(":5")
    ((100, 200), (100, None), (0, 5))
    """
    first, colon, last = text.partition(":")
    try:
        start, end = int(first or 0), int(last) if last.strip() else None
    except ValueError:
        start, end, colon = 0, None, ""
    if not colon or start < 0 or (end is not None and end <= start):
        raise UsageError(f"--range {text}: must be START:END, run numbers from 0, END not in it")
    return start, end
