"""What jobs that went through a security's events together gave, as columns: no object a job, no call a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.engine.fills import Fills, digests, fill_table
from dbatch.engine.job import JobResult
from dbatch.engine.outcome import recent_peak_rss_mb
from dbatch.metrics.daily import DAYS_PER_YEAR, DEFAULT_CAPITAL, DailyRatios
from dbatch.model import Job, RunContext
from dbatch.results.facts import words_text
from dbatch.results.part import PartBlock

_DAY: Final = 86_400_000_000_000
_DATES: Final = ("max_drawdown_start", "max_drawdown_trough", "max_drawdown_end")
_COUNTS: Final = (
    "round_trips",
    "max_drawdown_days",
    "winning_fills",
    "losing_fills",
    "winning_round_trips",
    "losing_round_trips",
)


class FillFacts(NamedTuple):
    """What the fills of several jobs say without a metric, a value a job: their `digest`, how many `trades`, the
    `realized_pnl` (float64 currency) and the `position` (int64) after the last one, on how many dates there are any."""

    digest: list[str]
    trades: np.ndarray
    realized_pnl: np.ndarray
    position: np.ndarray
    strategy_dates: np.ndarray


class Together(NamedTuple):
    """What several jobs over the same events did.

    `days` int64 since 1970 are those that the market was open, `daily` float64 (jobs, days) the P&L of each. `figures`
    has the columns of `schema.METRIC_COLUMNS` and `JOB_METRIC_COLUMNS`, a value a job: NaN and NaT for what does not
    exist. `capital` float64 currency is what their percentages are of, NaN for a job without a capital of its own.
    `rows` and `skipped` are those of `engine.job.JobResult`. `fills`, where they are kept, are those of all jobs after
    each other, each job's up to its of `ends`, int64. `notes` are words about some of the jobs, by their places.
    """

    facts: FillFacts
    days: np.ndarray
    daily: np.ndarray
    figures: dict[str, np.ndarray]
    capital: np.ndarray
    rows: int
    skipped: int
    fills: Fills | None
    ends: np.ndarray
    notes: Mapping[int, tuple[str, ...]] = MappingProxyType({})


def block_of(
    context: RunContext, jobs: Sequence[Job], done: Together, notes: Sequence[str], seconds: float
) -> PartBlock:
    """Return the rows of a part for `jobs`, which gave what is `done`, in `seconds` each."""
    count = len(jobs)
    words = [words_text(notes)] * count
    for place, own in done.notes.items():
        words[place] = words_text((*notes, *own))
    first, last = (done.days[0], done.days[-1]) if len(done.days) else ("NaT", "NaT")
    facts: dict[str, Any] = {
        **done.facts._asdict(),
        **done.figures,
        "capital": done.capital,
        "market_dates": np.full(count, len(done.days)),
        "first_day": np.full(count, first, "datetime64[D]"),
        "last_day": np.full(count, last, "datetime64[D]"),
        "rows": np.full(count, done.rows),
        "rows_skipped": np.full(count, done.skipped),
        "runtime_sec": np.full(count, seconds),
        "peak_rss_mb": np.full(count, recent_peak_rss_mb()),
        "words": words,
    }
    kept = None if done.fills is None else fill_table(done.fills)
    keys = [job.key for job in jobs]
    return PartBlock(keys, jobs[0].security.name, facts, done.days, done.daily, kept, done.ends)


def fill_facts(fills: Fills, ends: np.ndarray, *, with_digests: bool) -> FillFacts:
    """Return what the fills of several jobs say that lie in `fills` after each other, each up to its of `ends`."""
    sizes = np.diff(ends, prepend=0)
    has_any = sizes > 0
    realized, position = np.zeros(len(ends)), np.zeros(len(ends), np.int64)
    realized[has_any] = fills.pnl[ends[has_any] - 1]
    position[has_any] = fills.positions[ends[has_any] - 1]
    names = digests(fills, ends.tolist()) if with_digests else [""] * len(ends)
    return FillFacts(names, sizes, realized, position, _dates(fills.timestamps, ends))


def joined(facts: Sequence[FillFacts]) -> FillFacts:
    """Return the facts of all jobs in one."""
    names, *columns = zip(*facts, strict=True)
    return FillFacts([name for some in names for name in some], *map(np.concatenate, columns))


def together(context: RunContext, results: Sequence[JobResult]) -> Together | None:
    """Return what several jobs gave over the same ticks; None where the fills of one contradict themselves."""
    from dbatch.metrics import passes, ratios

    first = results[0]
    fills = Fills(*map(np.concatenate, zip(*(result.fills.columns for result in results), strict=True)))
    ends = np.cumsum([len(result.fills) for result in results])
    fees, has_fees = _fees(results)
    daily = np.empty((len(results), len(first.market_days)))
    numbers = np.empty((len(results), len(passes.ALL)))
    last_price = np.nan if first.last_price is None else first.last_price
    measure: Any = passes.measure_all
    if measure(*fills.columns, fees, ends, first.market_days, daily, numbers, DEFAULT_CAPITAL, last_price) >= 0:
        return None
    of_days = np.empty((len(results), len(DailyRatios._fields)))
    each: Any = ratios.day_ratios_each
    each(daily, np.full(len(results), DEFAULT_CAPITAL), DAYS_PER_YEAR, of_days)
    figures = dict(zip(passes.ALL, numbers.T, strict=True)) | dict(zip(DailyRatios._fields, of_days.T, strict=True))
    figures["fees"][~has_fees] = np.nan
    for name in _COUNTS:
        figures[name] = figures[name].astype(np.int64)
    for name in _DATES:
        days = figures[name]
        known = days != passes.NO_DAY
        figures[name] = np.where(known, np.where(known, days, 0).astype("datetime64[D]"), np.datetime64("NaT"))
    kept = fills if context.keep_fills else None
    facts = fill_facts(fills, ends, with_digests=context.digests)
    rows = (first.rows, first.rows_skipped)
    capital = np.full(len(results), np.nan)
    return Together(facts, first.market_days, daily, figures, capital, *rows, kept, ends)


def _fees(results: Sequence[JobResult]) -> tuple[np.ndarray, np.ndarray]:
    """Return the fees of all fills after each other, none where no job has any, and which jobs have some: bool."""
    has_fees = np.array([result.fills.fees is not None for result in results], bool)
    if not has_fees.any():
        return np.empty(0), has_fees
    each = [np.zeros(len(one.fills)) if one.fills.fees is None else one.fills.fees for one in results]
    return np.concatenate(each), has_fees


def _dates(timestamps: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return on how many dates each job has a fill."""
    from dbatch.metrics import fill_passes

    counts = np.empty(len(ends), np.int64)
    count_dates: Any = fill_passes.count_dates
    count_dates(timestamps, ends, counts)
    for job in np.flatnonzero(counts < 0).tolist():
        begin = ends[job - 1] if job else 0
        counts[job] = len(np.unique(timestamps[begin : ends[job]] // _DAY))
    return counts
