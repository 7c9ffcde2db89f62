"""From which size of work on workers pay for their start; pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from dbatch.benchmark.figures import Figures


@dataclass(frozen=True)
class BreakEven:
    """From how much sequential work (seconds, and events at the sequential speed) on `workers` are quicker.

    `extra_start` is how many seconds longer than a sequential run they take to start and to close. `seconds` and
    `events` are None where they never are.
    """

    workers: int
    extra_start: float
    speed_up: float
    seconds: float | None
    events: int | None


def break_even(alone: Figures, ours: Figures) -> BreakEven:
    """Return from where on the workers of `ours` are quicker than the sequential run of `alone`."""
    assert ours.workers is not None
    extra = ours.start_wall + ours.closing_wall - alone.start_wall - alone.closing_wall
    seconds = None if ours.speed_up is None else break_even_seconds(extra, ours.speed_up)
    events = None if seconds is None else round(seconds * alone.events_per_sec)
    return BreakEven(ours.workers, extra, ours.speed_up or 0.0, seconds, events)


def break_even_seconds(extra_start: float, speed_up: float) -> float | None:
    """Return the seconds of sequential work from which n workers are quicker, None for never.

    All of a run takes total(n) = start_n + work / speed_up_n, of a sequential one start_1 + work, starts with
    closing. So n workers are quicker when work > extra_start / (1 - 1 / speed_up_n), where extra_start is
    start_n - start_1; that is from 0 on when they start no later, and never when they work no faster.

    >>> break_even_seconds(1.5, 2.0), break_even_seconds(-0.1, 2.0), break_even_seconds(1.5, 0.9)
    (3.0, 0.0, None)
    """
    if speed_up <= 1.0:
        return None
    return max(extra_start, 0.0) / (1.0 - 1.0 / speed_up)
