"""A run's account for people: its equity day by day, and what it holds of each security at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from dbatch.metrics.daily import DEFAULT_CAPITAL, equity
from dbatch.metrics.portfolio import united_days
from dbatch.results.columns import csv_bytes
from dbatch.results.daily_pnl import Daily
from dbatch.results.export import csv_cell

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_POSITION: Final = ("security", "position", "realized_pnl", "total_pnl")


def equity_csv(daily: Sequence[Daily], capital: float = DEFAULT_CAPITAL) -> bytes:
    """Return `date, pnl, equity` of all securities of a run together, currency, a row a day.

    `daily` is the P&L of each security; the equity begins with `capital`, that of the run.

    >>> days = np.array([20_193, 20_194], np.int32)
    >>> print(equity_csv([Daily(days, np.array([5.0, -1.5]))]).decode(), end="")
    date,pnl,equity
    2025-04-15,5.0,1000005.0
    2025-04-16,-1.5,1000003.5
    """
    days, together = united_days([one.days for one in daily], [one.pnl[np.newaxis] for one in daily])
    pnl = together[0]
    dates = [dt.date.fromordinal(_EPOCH + day).isoformat() for day in days.tolist()]
    rows = zip(dates, pnl.tolist(), equity(pnl, capital=capital).tolist(), strict=True)
    return csv_bytes([("date", "pnl", "equity"), *rows])


def positions_csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Return what a run holds of each security at the end, in shares, and what it earned there, in currency."""
    rows = ([csv_cell(record[name]) for name in _POSITION] for record in records)
    return csv_bytes([_POSITION, *rows])
