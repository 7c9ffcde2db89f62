"""The rows of `batch_summary`: every run of a batch, its jobs over all securities taken together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.metrics.daily import daily_ratios
from dbatch.metrics.portfolio import daily_drawdowns, shares, sums, united_days, weighted_means
from dbatch.results.columns import Kind, finite, numbers
from dbatch.results.job_table import JobTable, RunRow
from dbatch.results.verified import Daily
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

Columns = dict[str, list[Any]]


def run_table(runs: Sequence[RunRow], jobs: JobTable, daily: Mapping[str, Daily]) -> Columns:
    """Return the columns of `RUN_KINDS` in its order, a value per run in each; `daily` has the P&L of jobs by key.

    Runs that did not wholly succeed have no numbers but the count of securities and the time that they took.
    """
    rank = np.array([_RANK[status] for status in jobs.columns["status"]], np.int64)
    securities = np.bincount(jobs.run_of, minlength=len(runs))
    worst = np.where(securities > 0, 0, _RANK["cancelled"])
    np.maximum.at(worst, jobs.run_of, rank)
    first, last = _dates(jobs, len(runs))
    results = _added_up(jobs, len(runs)) | _from_days(jobs, daily, len(runs))
    results |= {"start_date": first, "end_date": last}
    failed = np.flatnonzero(worst).tolist()
    for values in results.values():
        for place in failed:
            values[place] = None
    columns: Columns = {
        "run_id": [run.run_id for run in runs],
        "status": [SEVERITY[one] for one in worst.tolist()],
        "strategy": [run.strategy for run in runs],
        "params_hash": [run.params_hash for run in runs],
        "securities": securities.tolist(),
        **results,
        "runtime_sec": _rounded(np.nan_to_num(numbers(jobs.columns["runtime_sec"])), jobs.run_of, len(runs)),
        "error": _errors(jobs, rank, worst, securities),
    }
    return {name: columns[name] for name in RUN_KINDS}


def _added_up(jobs: JobTable, runs: int) -> Columns:
    """Return what sums over jobs give: money, counts, and the ratios of these."""
    run_of = jobs.run_of

    def total(name: str) -> np.ndarray:
        return sums(numbers(jobs.columns[name]), run_of, runs)

    def mean(name: str) -> np.ndarray:
        return weighted_means(numbers(jobs.columns[name]), numbers(jobs.columns["round_trips"]), run_of, runs)

    won, won_trips, losing_trips = total("winning_fills"), total("winning_round_trips"), total("losing_round_trips")
    loss = np.where(losing_trips == 0.0, 0.0, total("gross_loss"))
    found = {
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
    columns: Columns = {name: finite(values.tolist()) for name, values in found.items()}
    for name in ("fills", "round_trips"):
        columns[name] = [None if value is None else int(value) for value in columns[name]]
    return columns


class RunsAlike(NamedTuple):
    """Runs over the same days: their places among all runs, `days` int since 1970, and what they earned on each of
    them, float64 currency, a row per run."""

    places: list[int]
    days: np.ndarray
    pnl: np.ndarray


def runs_alike(jobs: JobTable, daily: Mapping[str, Daily], runs: int) -> Iterator[RunsAlike]:
    """Yield the daily P&L of those runs all of whose jobs have it, all securities of a run together.

    Runs over the same days of the same securities come together, at most some thousands at once, in their order.
    """
    of_run: list[list[Daily | None]] = [[] for _ in range(runs)]
    for place, key in zip(jobs.run_of.tolist(), jobs.columns["key"], strict=True):
        of_run[place].append(daily.get(key))
    alike: dict[tuple[int, ...], list[int]] = {}
    for place, found in enumerate(of_run):
        if found and None not in found:
            alike.setdefault(tuple(id(one.days) for one in found if one), []).append(place)
    for places in alike.values():
        for start in range(0, len(places), _RUNS_AT_ONCE):
            some = places[start : start + _RUNS_AT_ONCE]
            yield RunsAlike(some, *_together([[one for one in of_run[place] if one] for place in some]))


def _together(runs: Sequence[Sequence[Daily]]) -> tuple[np.ndarray, np.ndarray]:
    """Return days and P&L of runs whose first jobs have the same days, and second ones, and so on."""
    days = [one.days for one in runs[0]]
    pnl = [np.concatenate([run[at].pnl for run in runs]).reshape(len(runs), -1) for at in range(len(days))]
    return united_days(days, pnl)


def _from_days(jobs: JobTable, daily: Mapping[str, Daily], runs: int) -> Columns:
    """Return what the P&L of the days gives, for those runs all of whose jobs have it."""
    columns: Columns = {name: [None] * runs for name in _DAILY_COLUMNS}
    for some in runs_alike(jobs, daily, runs):
        for name, values in _of_days(some.pnl).items():
            for place, value in zip(some.places, values, strict=True):
                columns[name][place] = value
    return columns


def _of_days(pnl: np.ndarray) -> Columns:
    """Return the numbers of runs from their daily P&L, a row per run."""
    fall = daily_drawdowns(pnl)
    ratios = zip(*map(daily_ratios, pnl), strict=True)
    columns = (*map(list, ratios), finite(fall.depth.tolist()), finite(fall.pct.tolist()))
    return dict(zip(_DAILY_COLUMNS, columns, strict=True))


def _dates(jobs: JobTable, runs: int) -> tuple[list[Any], list[Any]]:
    """Return the first and the last date of any job of each run."""
    first: list[Any] = [None] * runs
    last: list[Any] = [None] * runs
    dates = zip(jobs.run_of.tolist(), jobs.columns["start_date"], jobs.columns["end_date"], strict=True)
    for place, start, end in dates:
        if start is not None and (first[place] is None or start < first[place]):
            first[place] = start
        if end is not None and (last[place] is None or end > last[place]):
            last[place] = end
    return first, last


def _rounded(seconds: np.ndarray, run_of: np.ndarray, runs: int) -> list[float]:
    return [round(value, 6) for value in sums(seconds, run_of, runs).tolist()]


def _errors(jobs: JobTable, rank: np.ndarray, worst: np.ndarray, securities: np.ndarray) -> list[str | None]:
    """Return why each run has its status: the first of its worst jobs, and how many others did not succeed."""
    errors: list[str | None] = [None if count else "no job is planned" for count in securities.tolist()]
    failed = np.bincount(jobs.run_of[rank > 0], minlength=len(worst))
    for at in np.flatnonzero((rank > 0) & (rank == worst[jobs.run_of])).tolist():
        place = int(jobs.run_of[at])
        if errors[place] is None:
            more = f" (and {failed[place] - 1} more)" if failed[place] > 1 else ""
            errors[place] = f"{jobs.columns['security'][at]}: {jobs.columns['error'][at]}{more}"
    return errors
