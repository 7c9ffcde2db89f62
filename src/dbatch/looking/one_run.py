"""One run of a batch: its daily P&L and what it said, from verified parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dbatch.errors import StorageError
from dbatch.metrics.daily import DEFAULT_CAPITAL
from dbatch.metrics.portfolio import capital_of
from dbatch.model import Receipt
from dbatch.results.columns import taken
from dbatch.results.verified import verified
from dbatch.schema import FILL_COLUMNS
from dbatch.upkeep.subject import reading

_NS_A_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class RunDays:
    """A run day by day: `days` int32 since 1970, `pnl` float64 currency of each security on each of them, and the
    `capital` in currency that percentages are of."""

    days: np.ndarray
    pnl: dict[str, np.ndarray]
    capital: float = DEFAULT_CAPITAL

    @property
    def together(self) -> np.ndarray:
        """Return the P&L of all securities, float64 currency, a value a day."""
        return np.sum(list(self.pnl.values()), axis=0) if self.pnl else np.zeros(len(self.days))

    @property
    def equity(self) -> np.ndarray:
        """Return the capital and all P&L so far, float64 currency, a value a day."""
        return self.capital + np.cumsum(self.together)

    def since(self, day: int) -> RunDays:
        """Return what is left of the run from `day` on, days since 1970."""
        left = self.days >= day
        return RunDays(self.days[left], {name: pnl[left] for name, pnl in self.pnl.items()}, self.capital)


def run_days(folder: Path, number: int) -> RunDays:
    """Return the daily P&L of run `number` in `folder`, over all days that any of its securities has.

    Where a plain run kept none it is that of its fills. Raises StorageError for a part that is gone or damaged.
    """
    with reading(folder) as (_, ledger):
        jobs = dict(ledger.query("select key, security from planned where run = ? order by security", number))
        found = verified(folder, ledger, jobs.keys())
        receipts = {receipt.key: receipt for receipt in ledger.receipts_of(jobs)}
    if found.damaged:
        raise StorageError(f"{folder}: parts of run {number} are damaged; 'dbatch doctor {folder} --repair' mends it")
    daily: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for key, security in jobs.items():
        kept = found.daily.of(found.places[key]) if key in found.places else None
        if kept is not None:
            daily[security] = kept
        elif key in receipts and receipts[key].status == "success":
            daily[security] = _of_fills(folder, receipts[key])
    if not daily:
        return RunDays(np.empty(0, np.int32), {})
    days = sorted(set().union(*(one[0].tolist() for one in daily.values())))
    places = {day: place for place, day in enumerate(days)}
    pnl = {}
    for security, (own, earned) in daily.items():
        pnl[security] = np.zeros(len(days))
        pnl[security][[places[day] for day in own.tolist()]] = earned
    places_found = np.array([found.places[key] for key in jobs if key in found.places], np.int64)
    capital = capital_of(taken(found.facts.column("capital"), places_found).to_pylist())
    return RunDays(np.array(days, np.int32), pnl, capital)


def run_log(folder: Path, number: int) -> str:
    """Return all that the jobs of run `number` said: how each ended, its notes, traceback and what it printed."""
    with reading(folder) as (_, ledger):
        jobs = list(ledger.query("select security, key from planned where run = ? order by security", number))
        receipts = {receipt.key: receipt for receipt in ledger.receipts_of(key for _, key in jobs)}
    lines: list[str] = []
    for security, key in jobs:
        lines += _job_lines(receipts[key]) if key in receipts else [f"{security}  pending"]
    return "\n".join(lines)


def _job_lines(receipt: Receipt) -> Iterator[str]:
    result = f"{receipt.trades:,} fills" if receipt.status == "success" else " ".join(receipt.error.split())
    yield f"{receipt.security}  {receipt.status}  {result}  ({receipt.runtime_sec:.3f} s)"
    yield from (f"  note: {note}" for note in receipt.notes)
    for title, text in (("traceback", receipt.details), ("output", receipt.output)):
        if text:
            yield f"  {title}:"
            yield from (f"    {line}" for line in text.rstrip("\n").split("\n"))


def _of_fills(folder: Path, receipt: Receipt) -> tuple[np.ndarray, np.ndarray]:
    """Return the days with fills, and what was realised on each."""
    from dbatch.results.part import read_fills

    fills = read_fills(folder, receipt).select([FILL_COLUMNS[0], "realized_pnl"])
    times = np.array(fills.column(0).cast("int64").to_pylist(), np.int64)
    days, of_day = np.unique(times // _NS_A_DAY, return_inverse=True)
    earned = np.array(fills.column(1).to_pylist(), np.float64)
    return days.astype(np.int32), np.bincount(of_day, weights=earned, minlength=len(days))
