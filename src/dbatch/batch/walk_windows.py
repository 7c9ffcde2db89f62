"""Where a walk forward trains and where it tests: arithmetic of days alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from dbatch.errors import UsageError


@dataclass(frozen=True)
class WalkWindow:
    """Positions of days: trained on `train_first` to `train_last`, tested on `test_first` to `test_last`, inclusive."""

    train_first: int
    train_last: int
    test_first: int
    test_last: int


def walk_windows(
    days: int, *, train: int, test: int, purge: int = 0, embargo: int = 0, anchored: bool = False
) -> tuple[WalkWindow, ...]:
    """Return the windows over so many `days` of data; tests follow each other without a gap and never overlap.

    A training window has `train` days, or with `anchored` all from the first day on, and its last `purge` days are left
    out: what was held there could reach into the test. Between it and its test lie `embargo` days. Each window is
    `test` days later than the one before it; the last test may be shorter. Raises UsageError for lengths that are
    none, or for fewer days than one window needs.

    >>> [tuple(vars(window).values()) for window in walk_windows(11, train=4, test=3, purge=1, embargo=1)]
    [(0, 2, 5, 7), (3, 5, 8, 10)]
    """
    for name, value, least in (("train", train, 1), ("test", test, 1), ("purge", purge, 0), ("embargo", embargo, 0)):
        if value < least:
            raise UsageError(f"--{name} {value}: must be {least} or more days")
    if purge >= train:
        raise UsageError(f"--purge {purge}: leaves nothing of --train {train}")
    if days <= train + embargo:
        raise UsageError(f"the data have {days:,} days, a window needs more than {train + embargo:,} before its test")
    found: list[WalkWindow] = []
    for step in count():
        first = train + embargo + step * test
        if first >= days:
            return tuple(found)
        end = first - embargo
        begin = 0 if anchored else end - train
        found.append(WalkWindow(begin, end - purge - 1, first, min(first + test, days) - 1))
    raise AssertionError
