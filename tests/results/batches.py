"""Batch folders made up for tests: a ledger and parts, as a driver leaves them, without a strategy or a driver.

Load it through the fixtures `make_batch` and `batches`: with importlib's import mode it is no importable name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dbatch.engine.fills import Fills, fill_table
from dbatch.metrics.daily import DEFAULT_CAPITAL
from dbatch.metrics.job import job_performance
from dbatch.model import Receipt
from dbatch.results.ledger import Planned, open_ledger
from dbatch.results.part import PartRow, is_lean, publish, read_fills, read_rows
from dbatch.schema import JOB_METRIC_COLUMNS

FIRST_DAY = 20_192  # 2025-04-14
_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class MadeJob:
    """A job and what became of it; a `status` of None: it was planned, and not run.

    A success earned `daily` (currency) on as many days from `first_day` on: on each of them that is not 0.0 it bought
    and sold 100 shares. Jobs of one `key` are one job of several runs; "" makes a key of its own.
    With a `capital` of its own, currency, percentages are of that.
    """

    status: str | None = "success"
    daily: tuple[float, ...] = (10.0, -5.0)
    first_day: int = FIRST_DAY
    error: str = ""
    details: str = ""
    output: str = ""
    notes: tuple[str, ...] = ()
    key: str = ""
    capital: float | None = None
    stale: bool = False


@dataclass(frozen=True)
class MadeRun:
    """A run by its jobs, a `MadeJob` or the status of one for each security."""

    jobs: Mapping[str, MadeJob | str | None]
    run_id: str = ""
    number: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def make_batch(
    folder: Path,
    runs: Sequence[MadeRun],
    *,
    keep_fills: bool = True,
    unit_jobs: int = 2,
    facts: Mapping[str, Any] | None = None,
) -> dict[tuple[str, str], Receipt]:
    """Make the ledger and the parts of `runs` in `folder`, and return the receipts by (run id, security).

    `unit_jobs` receipts lie in a part; `facts` are put over the usual ones. Made again over the same folder it is a
    batch that went on: successes stay, and only the plan is replaced.
    """
    specs = []
    planned: list[Planned] = []
    rows: dict[str, PartRow] = {}
    of_job: dict[tuple[str, str], str] = {}
    for place, run in enumerate(runs):
        number = place if run.number is None else run.number
        run_id = run.run_id or f"run{number}"
        specs.append((number, run_id, _spec(run_id, run.parameters)))
        for security, what in run.jobs.items():
            job = what if isinstance(what, MadeJob) else MadeJob(what, error="" if what == "success" else f"{what}!")
            key = _hash(job.key or f"{run_id} {security}")
            planned.append(Planned(number, security, key, job.stale))
            if job.status is not None:
                of_job[run_id, security] = key
                rows[key] = _row(key, security, job, keep_fills=keep_fills)
    folder.mkdir(parents=True, exist_ok=True)
    with open_ledger(folder) as ledger:
        ledger.plan(specs, planned)
        ledger.remember(**{**_FACTS, **(facts or {})})
        waiting = list(rows.values())
        for at in range(0, len(waiting), unit_jobs):
            unit = waiting[at : at + unit_jobs]
            if any(row.receipt.status == "success" for row in unit):
                ledger.commit(*publish(folder, unit))
            else:
                ledger.commit(*(row.receipt for row in unit))
        receipts = ledger.receipts()
    return {job: receipts[key] for job, key in of_job.items()}


def published(folder: Path, receipt: Receipt) -> Receipt:
    """Publish the job of `receipt` once more in a part of its own, with the facts that it has now."""
    row = read_rows(folder / receipt.part, ["days", "daily_pnl"])[receipt.row]
    fills = None if is_lean(receipt.part) else read_fills(folder, receipt)
    (found,) = publish(folder, [PartRow(receipt, row["days"], row["daily_pnl"], fills)])
    return found


def fills_of(job: MadeJob) -> Fills:
    """Return the fills of a success: on each day with a P&L a buy of 100 at 10.0, and a sale that earns it."""
    earned = [(job.first_day + day, pnl) for day, pnl in enumerate(job.daily) if pnl]
    days = np.array([day for day, _ in earned], np.int64)
    pnl = np.array([pnl for _, pnl in earned], np.float64)
    realized = np.column_stack([np.zeros(len(pnl)), pnl]).ravel()
    return Fills(
        timestamps=np.column_stack([days * _DAY + 36_000 * 10**9, days * _DAY + 43_200 * 10**9]).ravel(),
        prices=np.column_stack([np.full(len(pnl), 10.0), 10.0 + pnl / 100.0]).ravel(),
        quantities=np.tile(np.array([100, -100], np.int64), len(pnl)),
        realized=realized,
        positions=np.tile(np.array([100, 0], np.int64), len(pnl)),
        pnl=np.cumsum(realized),
    )


def _row(key: str, security: str, job: MadeJob, *, keep_fills: bool) -> PartRow:
    words = {name: getattr(job, name) for name in ("error", "details", "output", "notes")}
    if job.status != "success":
        return PartRow(Receipt(key, security, job.status, runtime_sec=0.25, peak_rss_mb=100.04, **words))
    fills = fills_of(job)
    days = job.first_day + np.arange(len(job.daily))
    found = job_performance(*fills.columns, days, capital=job.capital or DEFAULT_CAPITAL)
    metrics = found.metrics._asdict()
    receipt = Receipt(
        key,
        security,
        "success",
        digest=fills.digest(),
        trades=len(fills),
        realized_pnl=float(fills.pnl[-1]) if len(fills) else 0.0,
        market_dates=len(days),
        strategy_dates=fills.days(),
        **fills.metrics()._asdict(),
        metrics={name: metrics[name] for name in JOB_METRIC_COLUMNS},
        capital=job.capital,
        first_day=int(days[0]) if len(days) else None,
        last_day=int(days[-1]) if len(days) else None,
        rows=1_000,
        runtime_sec=0.5,
        peak_rss_mb=100.04,
        **words,
    )
    return PartRow(receipt, found.days, found.daily_pnl, fill_table(fills) if keep_fills else None)


def _spec(run_id: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "strategy": "made_up",
        "params_hash": _hash(run_id)[:16],
        "arguments": {"strategy": "made_up", "data": "/ticks"},
        "parameters": dict(parameters),
        "tags": ["test"],
        "priority": 0,
        "timeout": None,
        "origin": "grid",
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_FACTS = {
    "batch": {
        "batch_name": "nightly",
        "description": "made up",
        "run_tag": None,
        "seed": 7,
        "max_workers": 2,
        "fail_fast": False,
        "output_root": "/results",
        "base_args": {"capital": 1},
        "config_hash": "c0ffee",
        "document": {"batch_name": "nightly"},
    },
    "options": {"fills": "all"},
    "inputs": [{"strategy": {"name": "made_up"}, "code": "1", "securities": {"A/B": {"file_name": "A-B-1234"}}}],
    "environment": {
        "versions": {"dbatch": "0.1.0"},
        "machine": {"cores": 4},
        "git": {"commit": "abc1234", "dirty": True},
    },
    "state": "finished",
    "started_at": "2025-05-01T22:00:00.000+00:00",
    "finished_at": "2025-05-02T06:00:00.000+00:00",
    "sessions": [
        {"started_at": "2025-05-01T22:00:00.000+00:00", "finished_at": "2025-05-01T22:00:30.500+00:00"},
        {"started_at": "2025-05-02T05:59:00.000+00:00", "finished_at": "2025-05-02T06:00:00.000+00:00"},
        {"started_at": "2025-05-02T07:00:00.000+00:00", "finished_at": None},
    ],
}
