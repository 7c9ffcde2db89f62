"""From measurements to figures: medians, and what they are divided by."""

from __future__ import annotations

from collections.abc import Callable

from dbatch.benchmark.figures import figures_of
from dbatch.benchmark.report import Series

Make = Callable[..., Series]


def test_figures_are_of_medians(series: Make) -> None:
    alone = series(None, [30.0, 10.0, 11.0], [9.0, 10.0, 99.0])
    two = series(2, [5.0, 5.5, 90.0], [1.0, 11.0, 12.0])

    first, second = figures_of([alone, two], events=5_500)

    assert (first.work_wall, first.work_cpu, first.speed_up) == (11.0, 10.0, 1.0)
    assert (second.work_wall, second.work_cpu, second.speed_up) == (5.5, 11.0, 2.0)
    assert (first.events_per_sec, second.events_per_sec) == (500.0, 1_000.0)


def test_efficiency_is_the_speed_up_of_each_worker(series: Make) -> None:
    _, four = figures_of([series(None, [12.0]), series(4, [4.0])], events=1)

    assert (four.speed_up, four.efficiency) == (3.0, 0.75)


def test_overhead_is_the_cpu_beyond_the_sequential_cpu(series: Make) -> None:
    _, two = figures_of([series(None, [1.0], [8.0]), series(2, [1.0], [10.0])], events=1)

    assert two.overhead_pct == 25.0


def test_the_sequential_run_has_neither_efficiency_nor_overhead(series: Make) -> None:
    (alone,) = figures_of([series(None, [1.0])], events=1)

    assert (alone.efficiency, alone.overhead_pct) == (None, None)


def test_work_too_short_to_measure_gives_no_ratio(series: Make) -> None:
    _, two = figures_of([series(None, [0.0], [0.0]), series(2, [0.0], [0.1])], events=1)

    assert (two.speed_up, two.efficiency, two.overhead_pct) == (None, None, None)


def test_starting_is_apart_from_work(series: Make) -> None:
    (alone,) = figures_of([series(None, [10.0], start_up=2.0, closing=0.25)], events=1)

    assert (alone.work_wall, alone.start_wall, alone.start_cpu, alone.closing_wall) == (10.0, 2.0, 4.0, 0.25)


def test_memory_is_the_median_of_the_repeats(series: Make) -> None:
    (alone,) = figures_of([series(None, [1.0, 1.0, 1.0])], events=1)

    assert alone.peak_rss_mb == 102.0


def test_one_unequal_repeat_makes_all_of_it_unequal(series: Make) -> None:
    alone, two = figures_of([series(None, [1.0, 1.0]), series(2, [1.0, 1.0], differs="AAA: fill 0")], events=1)

    assert (alone.equal, two.equal) == (True, False)
