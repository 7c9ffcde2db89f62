"""Makes the folder of a finished batch with as many runs as asked for, without a strategy: for measuring what reads it.

    python tools/make_results.py huge/output/made-up [--runs 50000] [--securities 1] [--days 120] [--fills 10]

Jobs are drawn at random and kept as a driver keeps them: parts, receipts in the ledger, the files derived from both.
One job in fifty did not succeed. Fills are those of the first runs only, as of a batch that keeps its best.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.engine.fills import Fills
from dbatch.engine.unit import fill_table
from dbatch.metrics.job import job_performance
from dbatch.model import Receipt
from dbatch.results.consolidate import consolidate
from dbatch.results.ledger import Ledger, Planned, open_ledger
from dbatch.results.part import PartRow, publish
from dbatch.schema import JOB_METRIC_COLUMNS

FIRST_DAY: Final = 20_192  # 2025-04-14
DAY: Final = 86_400 * 10**9
NOON: Final = 43_200 * 10**9
UNIT_JOBS: Final = 200
FAILS_EVERY: Final = 50
STARTED: Final = "2026-03-02T10:00:00.000+00:00"
ENDED: Final = "2026-03-02T10:10:00.000+00:00"
CAUSES: Final = (("failed", "KeyError: 'adj_close'"), ("timeout", "over its limit of 60 s"), ("oom", "over 512 MiB"))


def make(folder: Path, runs: int, securities: int, days: int, kept: int) -> None:
    """Write the batch; the same numbers for the same arguments and version of numpy."""
    folder.mkdir(parents=True)
    names = [f"SEC{number:02d}" for number in range(securities)]
    with open_ledger(folder) as ledger:
        ledger.plan(
            [(run, _run_id(run), _spec(run)) for run in range(runs)],
            [Planned(run, name, _key(run, name)) for run in range(runs) for name in names],
        )
        jobs = ((run, name) for name in names for run in range(runs))
        for block in _blocks(jobs):
            _unit(folder, ledger, [_row(run, name, days, keep=run < kept) for run, name in block])
        ledger.remember(**_facts(folder, runs))
        consolidate(folder, ledger)


def _blocks(jobs: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    while block := list(itertools.islice(jobs, UNIT_JOBS)):
        yield block


def _unit(folder: Path, ledger: Ledger, rows: list[PartRow]) -> None:
    """Publish the successes among `rows`, and commit all of them, as one unit does."""
    good = [row for row in rows if row.receipt.status == "success"]
    receipts = [row.receipt for row in rows if row.receipt.status != "success"]
    for keep in (True, False):  # a part holds the fills of all its jobs, or of none
        of_part = [row for row in good if (row.fills is not None) == keep]
        receipts += publish(folder, of_part) if of_part else []
    ledger.commit(*receipts, at=1.0, rss_mb=300.0)


def _row(run: int, security: str, days: int, *, keep: bool) -> PartRow:
    key = _key(run, security)
    if run % FAILS_EVERY == FAILS_EVERY - 1:
        status, error = CAUSES[run // FAILS_EVERY % len(CAUSES)]
        return PartRow(Receipt(key, security, status, error=error, runtime_sec=0.01, peak_rss_mb=300.0))
    draw = np.random.default_rng([run, int(security[3:])])
    dates = FIRST_DAY + np.arange(days)
    fills = _fills(dates, np.round(draw.normal(draw.normal(0, 4), 50, days), 2))
    found = job_performance(*fills.columns, dates)
    metrics = found.metrics._asdict()
    receipt = Receipt(
        key,
        security,
        "success",
        digest=fills.digest(),
        trades=len(fills),
        realized_pnl=float(fills.pnl[-1]),
        market_dates=days,
        strategy_dates=days,
        **fills.metrics()._asdict(),
        metrics={name: metrics[name] for name in JOB_METRIC_COLUMNS},
        first_day=FIRST_DAY,
        last_day=FIRST_DAY + days - 1,
        rows=300_000,
        runtime_sec=0.01,
        peak_rss_mb=300.0,
    )
    return PartRow(receipt, found.days, found.daily_pnl, fill_table(fills) if keep else None)


def _fills(dates: np.ndarray, pnl: np.ndarray) -> Fills:
    """Return a purchase of 100 shares a day, and a sale an hour later that earns that day's P&L."""
    bought = dates * DAY + NOON
    realized = np.column_stack([np.zeros(len(pnl)), pnl]).ravel()
    return Fills(
        timestamps=np.column_stack([bought, bought + 3_600 * 10**9]).ravel(),
        prices=np.column_stack([np.full(len(pnl), 10.0), 10.0 + pnl / 100.0]).ravel(),
        quantities=np.tile(np.array([100, -100], np.int64), len(pnl)),
        realized=realized,
        positions=np.tile(np.array([100, 0], np.int64), len(pnl)),
        pnl=np.cumsum(realized),
    )


def _run_id(run: int) -> str:
    return f"size_{run % 250}_stop_{run // 250}"


def _spec(run: int) -> dict[str, Any]:
    return {
        "strategy": "made_up",
        "params_hash": _key(run, "")[:16],
        "arguments": {"strategy": "made_up", "data": "ticks"},
        "parameters": {"size": run % 250, "stop": run // 250 / 10},
        "tags": ["grid_search"],
        "priority": 0,
        "timeout": None,
        "origin": "grid",
    }


def _key(run: int, security: str) -> str:
    return hashlib.sha256(f"{run} {security}".encode()).hexdigest()[:32]


def _facts(folder: Path, runs: int) -> dict[str, Any]:
    session = {"started_at": STARTED, "finished_at": ENDED, "computed": runs, "workers": 4}
    about = {"batch_name": folder.name, "description": "made up", "config_hash": "c0ffee0000000000", "runs": runs}
    return {"batch": about, "state": "failed", "started_at": STARTED, "finished_at": ENDED, "sessions": [session]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=50_000)
    parser.add_argument("--securities", type=int, default=1)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--fills", type=int, default=10, help="keep the fills of so many runs")
    asked = parser.parse_args()
    make(asked.folder, asked.runs, asked.securities, asked.days, asked.fills)


if __name__ == "__main__":
    main()
