"""From measurements to the figures of the table; pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbatch.benchmark.report import Measurement, Series


@dataclass(frozen=True)
class Figures:
    """Medians of one way to run, and how they compare with the sequential ones.

    Seconds are of the work alone, `start_` those until workers are ready, `closing_wall` those after the last job.
    `speed_up` is sequential wall / wall, `efficiency` that for each worker, `overhead_pct` the CPU beyond the
    sequential CPU. `peak_rss_mb` is MiB of the largest process that ran jobs. None where there is nothing to divide
    by; `efficiency` and `overhead_pct` are None for the sequential run itself.
    """

    workers: int | None
    work_wall: float
    work_cpu: float
    events_per_sec: float
    speed_up: float | None
    efficiency: float | None
    overhead_pct: float | None
    peak_rss_mb: float
    start_wall: float
    start_cpu: float
    closing_wall: float
    equal: bool


def figures_of(series: Sequence[Series], events: int) -> tuple[Figures, ...]:
    """Return the figures of each of `series`, the first of which is the sequential one.

    `events` is how many rows the work has.
    """
    alone = series[0]
    wall = median(alone, lambda one: one.measured.wall.work)
    cpu = median(alone, lambda one: one.measured.cpu.work)
    return tuple(_figures(one, events, wall, cpu) for one in series)


def _figures(series: Series, events: int, wall_alone: float, cpu_alone: float) -> Figures:
    wall = median(series, lambda one: one.measured.wall.work)
    cpu = median(series, lambda one: one.measured.cpu.work)
    speed_up = _ratio(wall_alone, wall)
    more_cpu = None if series.workers is None else _ratio(cpu - cpu_alone, cpu_alone)
    return Figures(
        workers=series.workers,
        work_wall=wall,
        work_cpu=cpu,
        events_per_sec=median(series, lambda one: events / max(one.measured.wall.work, 1e-9)),
        speed_up=speed_up,
        efficiency=None if speed_up is None or series.workers is None else speed_up / series.workers,
        overhead_pct=None if more_cpu is None else 100 * more_cpu,
        peak_rss_mb=median(series, lambda one: one.measured.peak_rss_mb),
        start_wall=median(series, lambda one: one.measured.wall.start_up),
        start_cpu=median(series, lambda one: one.measured.cpu.start_up),
        closing_wall=median(series, lambda one: one.measured.wall.closing),
        equal=not any(one.differs for one in series.measurements),
    )


def median(series: Series, value: Callable[[Measurement], float]) -> float:
    """Return the median of `value` over the measurements of `series`."""
    return statistics.median(value(one) for one in series.measurements)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None
