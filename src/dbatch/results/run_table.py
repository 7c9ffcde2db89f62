"""The rows of `batch_summary`: every run of a batch, its jobs over all securities taken together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from dbatch.metrics.daily import daily_falls_each, daily_ratios_each
from dbatch.metrics.portfolio import capitals, shares, sums, united_days, weighted_means
from dbatch.results.columns import Kind, array_of
from dbatch.results.job_table import JobTable
from dbatch.results.planned import Runs
from dbatch.results.row_texts import TextColumns
from dbatch.schema import RUN_SUMMARY_COLUMNS

SEVERITY: Final = ("success", "cancelled", "skipped", "invalid_data", "failed", "timeout", "oom", "crashed")
"""All statuses, the worst last: a run has that of its worst job."""

_RANK: Final = {status: rank for rank, status in enumerate(SEVERITY)}
_TEXTS: Final = ("run_id", "status", "strategy", "params_hash", "start_date", "end_date", "error")
_COUNTS: Final = ("securities", "fills", "round_trips")
RUN_KINDS: Final[Mapping[str, Kind]] = {
    name: "text" if name in _TEXTS else "int" if name in _COUNTS else "float" for name in RUN_SUMMARY_COLUMNS
}
"""The columns of `batch_summary` in their order."""

_DAILY_COLUMNS: Final = ("sharpe", "sortino", "annual_volatility_pct", "max_dd", "max_dd_pct")
_RUNS_AT_ONCE: Final = 4096

Numbers = dict[str, np.ndarray]


def run_table(runs: Runs, jobs: JobTable) -> TextColumns:
    """Return the columns of `RUN_KINDS` in its order, a value per run in each: texts, None for what is missing, and
    numbers as float64, NaN for it.

    Runs that did not wholly succeed have no numbers but the count of securities and the time that they took.
    """
    rank = np.zeros(len(jobs.run_of), np.int64)
    for at, other in jobs.others.items():
        rank[at] = _RANK[other.status]
    securities = np.bincount(jobs.run_of, minlength=len(runs))
    worst = np.where(securities > 0, 0, _RANK["cancelled"])
    np.maximum.at(worst, jobs.run_of, rank)
    results = _added_up(jobs, len(runs)) | _from_days(jobs, len(runs))
    results = {name: np.where((worst == 0) & np.isfinite(values), values, np.nan) for name, values in results.items()}
    first, last = _dates(jobs, worst)
    columns: TextColumns = {
        "run_id": runs.ids,
        "status": [SEVERITY[one] for one in worst.tolist()],
        "strategy": runs.strategies,
        "params_hash": runs.hashes,
        "start_date": first,
        "end_date": last,
        "securities": securities.astype(np.float64),
        **results,
        "runtime_sec": np.round(sums(np.nan_to_num(jobs.numbers("runtime_sec")), jobs.run_of, len(runs)), 6),
        "error": _errors(jobs, rank, worst, securities),
    }
    return {name: columns[name] for name in RUN_KINDS}


def _added_up(jobs: JobTable, runs: int) -> Numbers:
    """Return what sums over jobs give: money, counts, and the ratios of these."""
    run_of = jobs.run_of

    def total(name: str) -> np.ndarray:
        return sums(jobs.numbers(name), run_of, runs)

    def mean(name: str) -> np.ndarray:
        return weighted_means(jobs.numbers(name), jobs.numbers("round_trips"), run_of, runs)

    won, won_trips, losing_trips = total("winning_fills"), total("winning_round_trips"), total("losing_round_trips")
    loss = np.where(losing_trips == 0.0, 0.0, total("gross_loss"))
    return {
        "fills": total("trades"),
        "realized_pnl": total("realized_pnl"),
        "total_pnl": total("total_pnl"),
        "win_rate": shares(won, won + total("losing_fills")),
        "round_trips": total("round_trips"),
        "round_trip_win_rate": shares(won_trips, won_trips + losing_trips),
        "profit_factor": shares(total("gross_profit"), loss),
        "expectancy": mean("expectancy"),
        "avg_trade_return": mean("round_trip_return_pct") / 100.0,
        "turnover": total("turnover"),
        "fees": total("fees"),
    }


class RunsAlike(NamedTuple):
    """Runs over the same days: their places among all runs, `days` int since 1970, what they earned on each of them,
    float64 currency, a row per run, and what percentages of each are of, float64 currency."""

    places: np.ndarray
    days: np.ndarray
    pnl: np.ndarray
    capital: np.ndarray


def runs_alike(jobs: JobTable, runs: int) -> Iterator[RunsAlike]:
    """Yield the daily P&L of those runs all of whose jobs have it, all securities of a run together.

    Runs over the same days of the same securities come together, at most some thousands at once, in their order.
    """
    daily = jobs.found.daily
    counts = np.bincount(jobs.run_of, minlength=runs)
    starts = np.cumsum(counts) - counts
    capital = capitals(jobs.capitals(), jobs.run_of, runs)
    for count in np.unique(counts[counts > 0]).tolist():
        some = np.flatnonzero(counts == count)
        places = jobs.places[starts[some, np.newaxis] + np.arange(count)]
        days = np.where(places < 0, -1, daily.days_of[places] if len(daily.days_of) else -1)
        complete = (days >= 0).all(axis=1)
        some, places, days = some[complete], places[complete], days[complete]
        for alike in _equal_rows(days):
            for start in range(0, len(alike), _RUNS_AT_ONCE):
                here = alike[start : start + _RUNS_AT_ONCE]
                pnl = [daily.together(places[here, at]) for at in range(count)]
                union = united_days([daily.days[one] for one in days[here[0]].tolist()], pnl)
                yield RunsAlike(some[here], *union, capital[some[here]])


def _equal_rows(rows: np.ndarray) -> list[np.ndarray]:
    """Return the places of equal rows, those of a first row, and so on; each of them rising."""
    if not len(rows):
        return []
    if (rows == rows[0]).all():
        return [np.arange(len(rows))]
    _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first[group], kind="stable")
    return np.split(order, np.flatnonzero(np.diff(first[group][order])) + 1)


def _from_days(jobs: JobTable, runs: int) -> Numbers:
    """Return what the P&L of the days gives, for those runs all of whose jobs have it."""
    columns = {name: np.full(runs, np.nan) for name in _DAILY_COLUMNS}
    for some in runs_alike(jobs, runs):
        ratios = daily_ratios_each(some.pnl, capital=some.capital)
        found = (*ratios, *daily_falls_each(some.pnl, capital=some.capital))
        for values, column in zip(found, columns.values(), strict=True):
            column[some.places] = values
    return columns


def _dates(jobs: JobTable, worst: np.ndarray) -> tuple[list[str | None], list[str | None]]:
    """Return the first and the last date of any job of each run that wholly succeeded."""
    first, last = (np.full(len(worst), np.nan) for _ in range(2))
    np.fmin.at(first, jobs.run_of, jobs.days("first_day"))
    np.fmax.at(last, jobs.run_of, jobs.days("last_day"))
    first, last = (np.where(worst == 0, days, np.nan) for days in (first, last))
    return tuple(array_of(array_of(days, "date"), "text").to_pylist() for days in (first, last))


def _errors(jobs: JobTable, rank: np.ndarray, worst: np.ndarray, securities: np.ndarray) -> list[str | None]:
    """Return why each run has its status: the first of its worst jobs, and how many others did not succeed."""
    errors: list[str | None] = [None if count else "no job is planned" for count in securities.tolist()]
    failed = np.bincount(jobs.run_of[rank > 0], minlength=len(worst))
    names = jobs.table.column("security")
    for at in np.flatnonzero((rank > 0) & (rank == worst[jobs.run_of])).tolist():
        place = int(jobs.run_of[at])
        if errors[place] is None:
            more = f" (and {failed[place] - 1} more)" if failed[place] > 1 else ""
            errors[place] = f"{names[at]}: {jobs.others[at].error}{more}"
    return errors
