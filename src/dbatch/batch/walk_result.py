"""What a walk forward came to: its windows, one stitched equity, and the two files that people read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.metrics.daily import DEFAULT_CAPITAL, daily_ratios, equity
from dbatch.metrics.portfolio import daily_drawdowns
from dbatch.results.batch_manifest import json_text
from dbatch.results.columns import csv_bytes
from dbatch.results.publish import write_atomically

SUMMARY_NAME: Final = "walk_forward.json"
EQUITY_NAME: Final = "walk_forward_equity.csv"


@dataclass(frozen=True)
class Step:
    """One window: its dates, the run that was best in training, and what its objective came to in either.

    The test's strategy sees data from `history_start` on. With a warm-up `test_value` is None for objectives that do
    not follow from daily P&L.
    """

    number: int
    train_start: str
    train_end: str
    history_start: str
    test_start: str
    test_end: str
    run_id: str
    parameters: Mapping[str, Any]
    train_value: float
    test_value: float | None
    test_pnl: float


@dataclass(frozen=True)
class WalkForward:
    """What a walk forward came to: its windows, and the test days of all of them with P&L in currency, which is earned
    with the `capital` of the first test."""

    folder: Path
    objective: str
    steps: tuple[Step, ...]
    days: np.ndarray
    pnl: np.ndarray
    capital: float = DEFAULT_CAPITAL

    @property
    def equity(self) -> np.ndarray:
        """Return the capital and all P&L so far, float64 currency, a value a day."""
        return equity(self.pnl, capital=self.capital)

    def as_json(self) -> dict[str, Any]:
        """Return the summary; figures are those of the stitched equity."""
        return {
            "schema": "dbatch.walk_forward/1",
            "objective": self.objective,
            "windows": [asdict(step) for step in self.steps],
            "test_days": len(self.days),
            **figures_of(self.pnl, self.capital),
        }


def figures_of(pnl: np.ndarray, capital: float) -> dict[str, float | None]:
    """Return what daily P&L that was earned with `capital` comes to, by the names of columns of `batch_summary`."""
    falls = daily_drawdowns(pnl[np.newaxis], capital=capital)
    return {
        "total_pnl": math.fsum(pnl.tolist()),
        **daily_ratios(pnl, capital=capital)._asdict(),
        "max_dd": float(falls.depth[0]),
        "max_dd_pct": float(falls.pct[0]),
    }


def write_walk(walked: WalkForward, lengths: Sequence[int]) -> None:
    """Write the summary and the stitched equity, a row a day; `lengths` are days of each test. Raises StorageError."""
    number = np.repeat(np.arange(1, len(lengths) + 1), lengths).tolist()
    dates = [date_text(day) for day in walked.days.tolist()]
    rows = zip(dates, number, walked.pnl.tolist(), walked.equity.tolist(), strict=True)
    write_atomically(walked.folder / EQUITY_NAME, csv_bytes([("date", "window", "pnl", "equity"), *rows]))
    write_atomically(walked.folder / SUMMARY_NAME, json_text(walked.as_json()))


def date_text(day: int) -> str:
    """Return a day since 1970 as ISO text."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
