"""From which size of work on workers pay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dbatch.benchmark.break_even import break_even, break_even_seconds
from dbatch.benchmark.figures import figures_of
from dbatch.benchmark.report import Series


@pytest.mark.parametrize(
    ("extra_start", "speed_up", "seconds"),
    [(1.5, 2.0, 3.0), (1.5, 4.0, 2.0), (3.0, 1.5, 9.0), (0.0, 2.0, 0.0), (-1.0, 2.0, 0.0)],
)
def test_both_ways_take_as_long_at_the_break_even(extra_start: float, speed_up: float, seconds: float) -> None:
    found = break_even_seconds(extra_start, speed_up)

    assert found == pytest.approx(seconds)
    if extra_start > 0:
        assert extra_start + found / speed_up == pytest.approx(found)


@pytest.mark.parametrize("speed_up", [1.0, 0.5])
def test_workers_that_are_no_faster_never_pay(speed_up: float) -> None:
    assert break_even_seconds(1.5, speed_up) is None
    assert break_even_seconds(-1.5, speed_up) is None


def test_starting_and_closing_count_and_events_are_at_the_sequential_speed(series: Callable[..., Series]) -> None:
    alone = series(None, [10.0], start_up=1.0, closing=0.5)
    two = series(2, [5.0], start_up=2.0, closing=1.5)  # 2 s more

    found = break_even(*figures_of([alone, two], events=1_000))

    assert (found.extra_start, found.seconds, found.events) == (2.0, 4.0, 400)
