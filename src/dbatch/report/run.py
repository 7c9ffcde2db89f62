"""All that the page of one run shows: its fills over the price, its days, its jobs, what it was asked to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.errors import UsageError
from dbatch.looking.fills import JobFills, each_job, kept_fills
from dbatch.looking.one_run import RunDays, run_days
from dbatch.looking.plot import Place
from dbatch.looking.prices import Prices, prices, stored_sources
from dbatch.looking.query import runs_table
from dbatch.looking.tables import PARAMETER, Tables, read_tables
from dbatch.metrics.breakdown import pnl_by_hour, pnl_by_weekday
from dbatch.metrics.daily import daily_ratios
from dbatch.metrics.portfolio import daily_drawdowns
from dbatch.model import Security
from dbatch.report.best import specs
from dbatch.report.origin import origin
from dbatch.report.pack import Packed, floats, plain, plain_document, text
from dbatch.report.rows import METRICS
from dbatch.results.columns import numbers
from dbatch.results.folder import MANIFEST_NAME
from dbatch.upkeep.subject import reading

MOST_FILLS: Final = 300_000
"""Fills of a run in its page; of the securities after as many there are none, with a note."""

_NS: Final = 1e9
_DAY: Final = 86_400 * 10**9
_OF_JOBS: Final = (
    ("status", "status", "plain"),
    ("trades", "trades", "count"),
    ("total_pnl", "P&L", "money"),
    ("sharpe", "Sharpe", "ratio"),
    ("max_drawdown", "drawdown", "money"),
    ("win_rate", "win rate", "share"),
    ("profit_factor", "profit factor", "ratio"),
    ("turnover", "turnover", "money"),
    ("fees", "fees", "money"),
    ("position", "position at the end", "count"),
    ("runtime_sec", "runtime", "seconds"),
    ("error", "error", "plain"),
)


def run_document(place: Place) -> Packed:
    """Return what the page of a run shows; nothing is written.

    Raises OutputError for a folder without a run, UsageError where `place` names none of several, StorageError for
    parts that are gone or damaged.
    """
    tables = read_tables(place.folder)
    row = _row(tables, place)
    jobs = [job for job in tables.jobs.to_pylist() if job["run_id"] == row["run_id"]]
    number = jobs[0]["run"] if jobs else 0
    days = run_days(place.folder, number)
    with reading(place.folder) as (subject, ledger):
        spec = specs(ledger, [number]).get(number, {})
    sources = stored_sources(place.folder, tables.facts, row["strategy"] or "")
    drawn, hours = _drawn(place, row["run_id"], jobs, sources)
    facts = _facts(place.folder, tables.facts)
    return {
        "name": text(row["run_id"]),
        "batch": text(subject.name) if subject.kind == "batch" else None,
        "number": number if subject.kind == "batch" else None,
        "folder": text(str(place.folder)),
        "status": text(row["status"] or ""),
        "error": plain(row["error"]),
        "spec": spec or plain_document(facts.get("config") or {}),
        "varying": {name.removeprefix(PARAMETER): plain(v) for name, v in row.items() if name.startswith(PARAMETER)},
        "metrics": _metrics(row, days, jobs),
        "jobs": _jobs(jobs),
        "days": _days(days),
        "securities": drawn,
        "hours": hours.tolist(),
        "origin": origin(facts),
    }


def _row(tables: Tables, place: Place) -> dict[str, Any]:
    rows = runs_table(tables)
    if place.run is None:
        if len(rows) != 1:
            raise UsageError(f"{place.folder}: holds {len(rows):,} runs; name one with --run")
        return dict(rows.to_pylist()[0])
    return dict(rows.slice(rows.column("run_id").to_pylist().index(place.run), 1).to_pylist()[0])


def _facts(folder: Path, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the facts of a batch's ledger, or those of a plain run as `origin` knows them."""
    if facts.get("inputs") or not (folder / MANIFEST_NAME).is_file():
        return facts
    manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    data, request = manifest.get("data") or {}, manifest.get("request") or {}
    inputs = {
        "strategy": manifest.get("strategy"),
        "code": request.get("code"),
        "data": data.get("origin"),
        "securities": data.get("securities"),
    }
    environment = {"versions": manifest.get("versions")}
    return {**facts, "inputs": [inputs], "environment": environment, "config": manifest.get("config")}


def _metrics(row: Mapping[str, Any], days: RunDays, jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the run's metrics; of a plain run, which keeps none, those that its days and jobs give."""
    pnl = days.together
    own = dict(row)
    if len(pnl) and own.get("total_pnl") is None and own.get("status") == "success":
        fall = daily_drawdowns(pnl[None, :], capital=days.capital)
        ratios = daily_ratios(pnl, capital=days.capital)._asdict()
        own |= ratios | {"max_dd": fall.depth[0], "max_dd_pct": fall.pct[0], "realized_pnl": pnl.sum()}
        own["turnover"] = sum(job["turnover"] or 0.0 for job in jobs)
    own["days"] = len(days.days)
    listed = [(label, form, own.get(name)) for name, (label, form, _) in METRICS.items() if name != "cluster"]
    return [{"label": label, "form": form, "value": float(value)} for label, form, value in listed if value is not None]


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> Packed:
    known = [(name, label, form) for name, label, form in _OF_JOBS if any(job[name] is not None for job in jobs)]
    return {
        "columns": [{"label": label, "form": form} for _, label, form in known],
        "rows": [
            {"security": text(job["security"]), "cells": [plain(job[name]) for name, _, _ in known]} for job in jobs
        ],
    }


def _days(days: RunDays) -> Packed:
    return {
        "capital": days.capital,
        "days": floats(days.days.astype(np.float64), "f8"),
        "weekdays": pnl_by_weekday(days.days, days.together).tolist() if len(days.days) else [],
        "securities": [{"name": text(name), "pnl": floats(pnl)} for name, pnl in days.pnl.items()],
    }


def _drawn(
    place: Place, run_id: str, jobs: Sequence[Mapping[str, Any]], sources: Mapping[str, tuple[Security, str]]
) -> tuple[list[Packed], np.ndarray]:
    """Return of each security its fills and the prices around them, and the P&L of all fills by hour of the day."""
    kept = [job for job in kept_fills(place.folder, [run_id]) if job.count]
    taken: list[JobFills] = []
    for job in kept:
        if sum(one.count for one in taken) + job.count <= MOST_FILLS:
            taken.append(job)
    rows = {job["security"]: job["rows"] or 0 for job in jobs}
    hours = np.zeros(24)
    found = []
    for job, fills in each_job(place.folder, taken):
        if not fills.num_rows:  # a portfolio counts its orders, which lie in a file of their own
            continue
        times = fills.column("timestamp").cast("int64").to_numpy()
        hours += pnl_by_hour(times, numbers(fills.column("realized_pnl").to_pylist()))
        found.append(_security(job, fills, times, sources, rows.get(job.security, 0)))
    return sorted(found, key=lambda one: str(one["name"])), hours


def _security(
    job: JobFills, fills: pa.Table, times: np.ndarray, sources: Mapping[str, tuple[Security, str]], rows: int
) -> Packed:
    first, last = int(times.min() // _DAY), int(times.max() // _DAY)
    known = sources.get(job.security)
    if known is None:
        market = Prices(np.empty(0, np.int64), np.empty(0), "where the data were is not known")
    else:
        market = prices(*known, first, last, rows)
    columns = {name: numbers(fills.column(name).to_pylist()) for name in ("fill_price", "fill_qty", "realized_pnl")}
    bought = [1.0 if side == "buy" else -1.0 for side in fills.column("side").to_pylist()]
    return {
        "name": text(job.security),
        "note": text(market.note),
        "times": floats(times / _NS, "f8"),
        "sides": floats(bought),
        "prices": floats(columns["fill_price"]),
        "quantities": floats(columns["fill_qty"]),
        "realized": floats(columns["realized_pnl"]),
        "positions": floats(numbers(fills.column("position").to_pylist())),
        "pnl": floats(numbers(fills.column("pnl").to_pylist())),
        "market": {"times": floats(market.times / _NS, "f8"), "values": floats(market.values)},
    }
