"""Session windows: which part of the trading day a time falls in."""

from __future__ import annotations

from typing import Final

from numba import njit

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND


def time_of_day(text: str) -> int:
    """Return "HH:MM" or "HH:MM:SS" as nanoseconds since midnight.

    >>> time_of_day("10:00") // SECOND
    36000
    """
    hours, minutes, seconds = (*text.split(":"), "0")[:3]
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * SECOND


class SessionWindows(tuple[int, ...]):
    """Times of day, rising, that cut a day into phases: phase 0 lies before the first, phase i from the i-th on.

    >>> SessionWindows.of("10:00", "14:45")[1] // SECOND
    53100
    """

    __slots__ = ()

    @classmethod
    def of(cls, *times: str) -> SessionWindows:
        """Return the windows that begin at `times` ("HH:MM" or "HH:MM:SS"); raises ValueError unless they rise."""
        starts = [time_of_day(text) for text in times]
        if starts != sorted(set(starts)) or (starts and not 0 < starts[-1] < DAY):
            raise ValueError(f"session times must rise within a day, found {', '.join(times)}")
        return cls(starts)


@njit(inline="always")
def phase_bounds(timestamp, windows):  # type: ignore[no-untyped-def]  # numba takes scalars and arrays alike
    """Return (day, phase, from, until): the phase that `timestamp` lies in, and the times it holds between.

    `windows` is an int64 array of nanoseconds since midnight, rising. Valid for any order of timestamps: the
    caller asks again as soon as a time lies outside [from, until).
    """
    day = timestamp // DAY
    midnight = day * DAY
    phase = 0
    begin = midnight
    end = midnight + DAY
    for i in range(windows.shape[0]):
        start = midnight + windows[i]
        if timestamp >= start:
            phase = i + 1
            begin = start
        else:
            end = start
            break
    return day, phase, begin, end
