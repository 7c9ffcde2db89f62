"""Measurements made by hand, for the pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from dbatch.benchmark.report import Measurement, Report, Series, Subject
from dbatch.model import Window
from dbatch.trials.trial import Measured, Phases


def make_series(
    workers: int | None,
    walls: Sequence[float],
    cpus: Sequence[float] | None = None,
    *,
    start_up: float = 1.0,
    closing: float = 0.5,
    differs: str = "",
) -> Series:
    measurements = [
        Measurement(
            repeat,
            Measured(Phases(start_up, wall, closing), Phases(2 * start_up, cpu, closing), 100.0 + repeat, 1, True),
            differs if repeat == len(walls) else "",
        )
        for repeat, (wall, cpu) in enumerate(zip(walls, cpus or walls, strict=True), 1)
    ]
    return Series(workers, tuple(measurements))


def make_report(*several: Series, events: int = 1_000, **subject: object) -> Report:
    usual = {"strategy": "quoting", "code": "c0", "data": {"AAA": "d1", "BBB": "d2"}, "parameters": {"AAA": "p1"}}
    made = Subject(**{**usual, "window": Window(), "chunk_rows": 100_000, **subject})
    return Report(made, {"cores": 4, "python": "3.11.7"}, events, 10, several)


@pytest.fixture
def series() -> Callable[..., Series]:
    """Make a series: one measurement for each of `walls` (seconds of work), CPU the same unless given.

    Memory is 101, 102, ... MiB; starting takes twice its wall seconds of CPU; `differs` is of the last repeat.
    """
    return make_series


@pytest.fixture
def report() -> Callable[..., Report]:
    """Make a report of series, over `events` events; a keyword replaces what is measured."""
    return make_report
