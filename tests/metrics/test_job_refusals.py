"""Fills and settings that cannot be are refused with what was found; arrays of any layout are taken."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dbatch.errors import DbatchError, HandlerError, UsageError
from dbatch.metrics.job import job_performance

Make = Callable[..., Any]
DATES = ("2025-04-14", "2025-04-15")
ROWS = ((DATES[0], 10.0, 100, 0.0), (DATES[0], 11.0, -100, 100.0), (DATES[1], 9.0, 50, 0.0))


@pytest.fixture
def arguments(fills_of: Make, days_of: Make) -> list[np.ndarray]:
    return [*fills_of(*ROWS), days_of(*DATES)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"capital": 0.0}, r"capital is 0\.0, must be a finite number above 0"),
        ({"capital": float("nan")}, "capital is nan, must be a finite number above 0"),
        ({"days_per_year": -252}, "days_per_year is -252, must be a finite number above 0"),
        ({"last_price": float("nan")}, "last_price is nan, must be a finite number, or None when it is not known"),
    ],
)
def test_a_setting_that_is_no_number_is_refused(
    arguments: list[np.ndarray], settings: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        job_performance(*arguments, **settings)


def changed(column: int, row: int, value: Any) -> Callable[[list[np.ndarray]], None]:
    def change(arguments: list[np.ndarray]) -> None:
        arguments[column][row] = value

    return change


def replaced(column: int, value: Any) -> Callable[[list[np.ndarray]], None]:
    def replace(arguments: list[np.ndarray]) -> None:
        arguments[column] = value

    return replace


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (changed(4, 1, 7), HandlerError, "fill 1: -100 after 100 is 0, position says 7"),
        (changed(4, 0, 1), HandlerError, r"fill 0: \+100 after 0 is 100, position says 1"),
        (changed(3, 2, np.nan), HandlerError, "fill 2: realized is nan, must be a finite number"),
        (changed(5, 0, np.inf), HandlerError, "fill 0: pnl is inf, must be a finite number"),
        (changed(1, 1, np.nan), HandlerError, "fill 1: prices is nan, must be a finite number"),
        (changed(0, 1, np.iinfo(np.int64).min), HandlerError, "fill 1 has no time, must be that of an event"),
        (changed(6, 1, 20_192), UsageError, r"days\[1\] is 20192 after 20192, must rise"),
        (replaced(3, np.zeros(2)), UsageError, "columns have lengths timestamps 3, prices 3, .* realized 2, "),
        (replaced(2, np.zeros(4, np.int64)), UsageError, "columns have lengths .* quantities 4, .*; must be one"),
        (replaced(2, np.ones(3)), UsageError, "quantities is float64 of 1 dimensions, must be int64 of one"),
        (replaced(6, np.zeros((1, 2), np.int64)), UsageError, "days is int64 of 2 dimensions, must be int64 of one"),
    ],
)
def test_fills_that_contradict_themselves_are_refused(
    arguments: list[np.ndarray], change: Callable[[list[np.ndarray]], None], error: type[DbatchError], message: str
) -> None:
    change(arguments)

    with pytest.raises(error, match=message):
        job_performance(*arguments)


def test_arrays_that_are_read_only_or_have_gaps_give_the_same(arguments: list[np.ndarray]) -> None:
    spaced = [np.repeat(column, 2)[::2] for column in arguments]
    for column in spaced[:3]:
        column.flags.writeable = False

    assert job_performance(*spaced).metrics == job_performance(*arguments).metrics


def test_arguments_are_left_as_they_were(arguments: list[np.ndarray]) -> None:
    before = [column.copy() for column in arguments]
    job_performance(*arguments)

    assert all(np.array_equal(left, right) for left, right in zip(before, arguments, strict=True))


def test_threads_give_the_same_bits(arguments: list[np.ndarray]) -> None:
    def bits(_: int) -> tuple[Any, bytes]:
        found = job_performance(*arguments, last_price=9.3)
        return found.metrics, found.daily_pnl.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(bits, range(200)))) == 1
