"""Fills written as rows, and what must follow from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import pytest

DAY = 86_400_000_000_000
Columns = tuple[np.ndarray, ...]
FillsOf = Callable[..., Columns]


@pytest.fixture(scope="session")
def day_of() -> Callable[[str], int]:
    """Return days since 1970 of a date as text."""
    return lambda text: dt.date.fromisoformat(text).toordinal() - dt.date(1970, 1, 1).toordinal()


@pytest.fixture(scope="session")
def days_of(day_of: Callable[[str], int]) -> Callable[..., np.ndarray]:
    """Return dates as the days of a market."""
    return lambda *texts: np.array([day_of(text) for text in texts], np.int64)


@pytest.fixture(scope="session")
def fills_of(day_of: Callable[[str], int]) -> FillsOf:
    """Return rows of (date, price, signed quantity, realised) as six columns: a fill a second from 10:00 on, with
    the position and the running P&L that follow."""

    def columns(*rows: tuple[str, float, int, float]) -> Columns:
        dates, prices, quantities, realized = zip(*rows, strict=True) if rows else ((), (), (), ())
        second: Sequence[int] = [day_of(date) * DAY + (36_000 + i) * 1_000_000_000 for i, date in enumerate(dates)]
        shares = np.array(quantities, np.int64)
        earned = np.array(realized, np.float64)
        return (
            np.array(second, np.int64),
            np.array(prices, np.float64),
            shares,
            earned,
            np.cumsum(shares),
            np.cumsum(earned),
        )

    return columns
