"""Session windows: days, phases and how long they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.data.blocks import OTHER as MISSING
from dbatch.schema import EVENT_TYPES
from dbatch.sim import ASK, BID, DAY, OTHER, SECOND, TRADE, SessionWindows, phase_bounds, time_of_day

plain = phase_bounds.py_func
SESSION = SessionWindows.of("10:00", "14:45", "14:55")
WINDOWS = np.array(SESSION, dtype=np.int64)
TEN, QUARTER_TO, FIVE_TO = 36_000 * SECOND, 53_100 * SECOND, 53_700 * SECOND


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00", 0), ("10:00", 36_000), ("14:45:30", 53_130), ("23:59:59", 86_399)]
)
def test_a_time_of_day_is_nanoseconds_since_midnight(text: str, seconds: int) -> None:
    assert time_of_day(text) == seconds * SECOND


def test_windows_keep_their_times() -> None:
    assert SESSION == (TEN, QUARTER_TO, FIVE_TO)
    assert SessionWindows.of() == ()


@pytest.mark.parametrize("times", [("14:45", "10:00"), ("10:00", "10:00"), ("24:00",), ("10:00", "25:00")])
def test_windows_that_do_not_rise_within_a_day_are_refused(times: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="session times must rise within a day, found " + ", ".join(times)):
        SessionWindows.of(*times)


@pytest.mark.parametrize("day", [0, 20_192, -1, -365])
@pytest.mark.parametrize(
    ("time", "phase", "begin", "end"),
    [
        (0, 0, 0, TEN),
        (TEN - 1, 0, 0, TEN),
        (TEN, 1, TEN, QUARTER_TO),
        (QUARTER_TO - 1, 1, TEN, QUARTER_TO),
        (QUARTER_TO, 2, QUARTER_TO, FIVE_TO),
        (FIVE_TO - 1, 2, QUARTER_TO, FIVE_TO),
        (FIVE_TO, 3, FIVE_TO, DAY),
        (DAY - 1, 3, FIVE_TO, DAY),
    ],
)
def test_a_phase_holds_from_its_time_to_the_next_one_in_every_year(
    day: int, time: int, phase: int, begin: int, end: int
) -> None:
    midnight = day * DAY
    expected = (day, phase, midnight + begin, midnight + end)
    assert plain(midnight + time, WINDOWS) == expected
    assert phase_bounds(midnight + time, WINDOWS) == expected


def test_a_day_without_windows_is_one_phase() -> None:
    assert plain(DAY + 5, np.array([], dtype=np.int64)) == (1, 0, DAY, 2 * DAY)


@settings(derandomize=True, database=None, deadline=None)
@given(
    st.integers(-(200 * 365) * DAY, (200 * 365) * DAY),
    st.lists(st.integers(1, DAY - 1), unique=True, max_size=4).map(sorted),
)
def test_the_bounds_hold_the_time_and_the_phase_counts_the_windows_begun(time: int, windows: list[int]) -> None:
    day, phase, begin, end = phase_bounds(time, np.array(windows, dtype=np.int64))
    assert begin <= time < end
    assert day * DAY <= begin < end <= (day + 1) * DAY
    assert phase == sum(day * DAY + start <= time for start in windows)
    assert plain(begin, np.array(windows, dtype=np.int64)) == (day, phase, begin, end)
    assert plain(end - 1, np.array(windows, dtype=np.int64)) == (day, phase, begin, end)


def test_the_codes_of_kinds_are_those_of_the_data() -> None:
    assert (EVENT_TYPES[BID], EVENT_TYPES[ASK], EVENT_TYPES[TRADE]) == ("bid", "ask", "trade")
    assert OTHER == MISSING == len(EVENT_TYPES)
