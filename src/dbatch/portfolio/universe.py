"""What is known of each security before any two are looked at together, and the days of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dbatch.errors import DataError, HandlerError
from dbatch.portfolio.strategy import REBALANCES, PortfolioStrategy

_DAY: Final = 86_400_000_000_000
_MONDAY: Final = 3
"""Days from Monday to 1970-01-01, a Thursday."""


@dataclass(frozen=True)
class SecurityDays:
    """One security, day by day: arrays of one length, and its features on the days that may need them.

    `days` int64 since 1970, rising; `opens` and `closes` float64 currency. `signal_days` are its first days of each
    period; `features` float64 has a row for each of these and a column for each feature.
    """

    name: str
    days: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    signal_days: np.ndarray
    features: np.ndarray


def security_days(name: str, bars: Any, strategy: PortfolioStrategy, parameters: Any) -> SecurityDays:
    """Return what `strategy` needs to know of a security from its `bars` alone, whatever others there are.

    Raises DataError for bars that are not daily, HandlerError for a feature that is not as long as the bars.
    """
    days = bars.timestamps // _DAY
    if (np.diff(days) <= 0).any():
        day = np.datetime64(int(days[np.flatnonzero(np.diff(days) <= 0)[0]]), "D")
        raise DataError(
            f"{name}: two bars on {day}; portfolios take daily bars, which 'dbatch resample --bars 1d' makes"
        )
    rows = first_of_period(days, strategy.trading(parameters).rebalance)
    names = strategy.features(parameters)
    features = np.full((len(rows), len(names)), np.nan)
    for column, feature in enumerate(names):
        values = np.asarray(strategy.feature(bars, feature), dtype=np.float64)
        if values.shape != days.shape:
            raise HandlerError(f"feature {feature!r} of {name}: shape {values.shape}, must be {days.shape}, one a bar")
        features[:, column] = values[rows]
    return SecurityDays(name, days, bars.opens, bars.closes, days[rows], features)


def first_of_period(days: np.ndarray, rebalance: str) -> np.ndarray:
    """Return the positions of those `days` (since 1970, rising) that are the first of their day, week or month.

    >>> first_of_period(np.array([0, 1, 4, 5, 31]), "W").tolist()  # Thursday, Friday, Monday, Tuesday, a Sunday
    [0, 2, 4]
    """
    if rebalance == "D":
        period = days
    elif rebalance == "W":
        period = (days + _MONDAY) // 7
    elif rebalance == "M":
        period = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    else:
        raise HandlerError(f"rebalance is {rebalance!r}, must be one of {', '.join(REBALANCES)}")
    return np.flatnonzero(np.diff(period, prepend=period[:1] - 1))


@dataclass(frozen=True)
class Universe:
    """All securities on common days: rows are days, columns securities by name.

    `days` int64 since 1970: each day on which any of them traded; `opens` and `closes` float64, NaN where one did not.
    `signal_rows` are the rows of the first days of each period, `features` float64 (signals x securities x features),
    NaN for who did not trade on that day.
    """

    names: tuple[str, ...]
    days: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    signal_rows: np.ndarray
    features: np.ndarray


def universe_of(securities: Sequence[SecurityDays], rebalance: str) -> Universe:
    """Return `securities`, in any order, on common days. Raises DataError for none, or none with a bar."""
    ordered = sorted(securities, key=lambda one: one.name)
    days = np.unique(np.concatenate([np.empty(0, np.int64), *(one.days for one in ordered)]))
    if not len(days):
        raise DataError("the universe has no bars")
    signal_rows = first_of_period(days, rebalance)
    signal_days = days[signal_rows]
    shape = (len(days), len(ordered))
    opens, closes = np.full(shape, np.nan), np.full(shape, np.nan)
    features = np.full((len(signal_rows), len(ordered), ordered[0].features.shape[1]), np.nan)
    for column, one in enumerate(ordered):
        rows = np.searchsorted(days, one.days)
        opens[rows, column] = one.opens
        closes[rows, column] = one.closes
        _, own, common = np.intersect1d(one.signal_days, signal_days, assume_unique=True, return_indices=True)
        features[common, column] = one.features[own]
    return Universe(tuple(one.name for one in ordered), days, opens, closes, signal_rows, features)
