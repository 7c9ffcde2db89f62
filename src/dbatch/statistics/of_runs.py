"""The statistics of each run of a batch, all runs at once; NaN is what does not exist, with a reason beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dbatch.metrics.daily import DAYS_PER_YEAR
from dbatch.metrics.portfolio import calmar_ratios
from dbatch.results.columns import numbers
from dbatch.statistics.best import expected_maximum_of
from dbatch.statistics.bootstrap import sharpe_intervals
from dbatch.statistics.discoveries import benjamini_hochberg
from dbatch.statistics.moments import moments
from dbatch.statistics.reading import BatchResults
from dbatch.statistics.single import min_trl, psr
from dbatch.statistics.under_null import psr_under

FEWEST_DAYS: Final = 30
"""Of fewer days neither a deviation nor a shape is known well enough for any of these formulas."""

_OF_DAYS: Final = ("daily_sharpe", "skewness", "kurtosis", "autocorrelation", "low", "high", "block_days", "calmar")


@dataclass(frozen=True)
class Drawing:
    """How intervals are drawn, see `bootstrap.sharpe_intervals`; `most`: only of so many runs with the highest Sharpe
    ratios, None: of all."""

    seed: int
    resamples: int
    confidence: float
    most: int | None = None


@dataclass(frozen=True)
class RunFigures:
    """Of each run, float64: its days and what follows from them; `variance` that of all daily Sharpe ratios, and
    `hurdle` what the best of all trials without skill is expected to have, both NaN with fewer than two ratios."""

    days: np.ndarray
    of_days: dict[str, np.ndarray]
    variance: float
    hurdle: float

    @property
    def with_sharpe(self) -> int:
        """Return how many runs have a Sharpe ratio over enough days."""
        return int(np.count_nonzero(~np.isnan(self.of_days["daily_sharpe"])))


def run_figures(results: BatchResults, *, trials: int, drawing: Drawing) -> RunFigures:
    """Return what the daily P&L of all runs says, with `trials` to choose from."""
    count = len(results.summary["run_id"])
    days = np.zeros(count)
    found = {name: np.full(count, np.nan) for name in _OF_DAYS}
    for some in results.alike:
        days[some.places] = len(some.days)
        found["calmar"][some.places] = calmar_ratios(some.pnl, capital=some.capital)
        if len(some.days) < FEWEST_DAYS:
            continue
        shape = moments(some.pnl)
        values = (shape.sharpe, shape.skewness, shape.kurtosis, shape.autocorrelation)
        for name, value in zip(_OF_DAYS, values, strict=False):
            found[name][some.places] = value
    _draw_intervals(results, found, drawing)
    known = found["daily_sharpe"][~np.isnan(found["daily_sharpe"])]
    variance = float(known.var(ddof=1)) if len(known) > 1 else math.nan
    hurdle = expected_maximum_of(trials, variance) if len(known) > 1 else math.nan
    return RunFigures(days, found, variance, hurdle)


def _draw_intervals(results: BatchResults, found: dict[str, np.ndarray], drawing: Drawing) -> None:
    """Put into `found` the intervals of the runs that have a Sharpe ratio there, or of those with the highest ones."""
    chosen = ~np.isnan(found["daily_sharpe"])
    if drawing.most is not None and np.count_nonzero(chosen) > drawing.most:
        best = np.argsort(-np.nan_to_num(found["daily_sharpe"], nan=-np.inf), kind="stable")[: drawing.most]
        chosen = np.isin(np.arange(len(chosen)), best)
    for some in results.alike:
        places = np.array(some.places, np.int64)
        rows = chosen[places]
        if len(some.days) < FEWEST_DAYS or not rows.any():
            continue
        drawn = sharpe_intervals(
            some.pnl[rows], seed=drawing.seed, resamples=drawing.resamples, confidence=drawing.confidence
        )
        for name, value in zip(("low", "high", "block_days"), (drawn.low, drawn.high, drawn.block), strict=True):
            found[name][places[rows]] = value


def run_columns(results: BatchResults, figures: RunFigures, cluster: np.ndarray, *, trials: int) -> dict[str, Any]:
    """Return the columns of `tables.RUN_STATISTIC_KINDS`; `cluster` int64 of each run, -1 for none."""
    summary, of_days = results.summary, figures.of_days
    sharpe, days = of_days["daily_sharpe"], figures.days
    shape: dict[str, Any] = {name: of_days[name] for name in ("skewness", "kurtosis")}
    dependent = {**shape, "autocorrelation": of_days["autocorrelation"]}
    above_0 = np.asarray(psr(sharpe, days, **shape))
    p_value = 1.0 - above_0
    year = math.sqrt(DAYS_PER_YEAR)
    turnover, realized, fall, fees = (
        numbers(summary[name]) for name in ("turnover", "realized_pnl", "max_dd_pct", "fees")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {
            "dsr": psr(sharpe, days, **shape, benchmark=figures.hurdle),
            "psr": above_0,
            "p_value": p_value,
            "p_value_bh": benjamini_hochberg(p_value, tests=max(trials, figures.with_sharpe)),
            "sharpe_low": of_days["low"] * year,
            "sharpe_high": of_days["high"] * year,
            "min_trl_days": np.asarray(min_trl(sharpe, **shape)),
            "break_even_bps": (realized + np.nan_to_num(fees)) / turnover * 1e4,  # of what was earned before fees
            "turnover": turnover,
            "max_dd_pct": fall,
            "calmar": of_days["calmar"],
            "dsr_2025": psr_under(sharpe, days, **dependent, benchmark=figures.hurdle, trials=trials),
            "psr_2025": psr_under(sharpe, days, **dependent),
            **{name: of_days[name] for name in ("skewness", "kurtosis", "autocorrelation", "block_days")},
            "sharpe": sharpe * year,
        }
    return {
        "run_id": summary["run_id"],
        "status": summary["status"],
        "days": [int(count) or None for count in days.tolist()],
        **{name: np.asarray(value).tolist() for name, value in values.items()},
        "round_trips": summary["round_trips"],
        "cluster": [None if place < 0 else place for place in cluster.tolist()],
        "reason": _reasons(summary["status"], figures),
    }


def _reasons(statuses: list[str], figures: RunFigures) -> list[str | None]:
    """Return of each run why it has no statistics, or which it lacks; None when it has all."""
    reasons: list[str | None] = []
    no_hurdle = "dsr: fewer than two runs have a Sharpe ratio" if math.isnan(figures.hurdle) else None
    rows = zip(statuses, figures.days.tolist(), figures.of_days["daily_sharpe"].tolist(), strict=True)
    for status, days, sharpe in rows:
        if status != "success":
            reasons.append(f"the run is {status}")
        elif days < FEWEST_DAYS:
            reasons.append(f"{days:.0f} days, needs {FEWEST_DAYS}")
        elif math.isnan(sharpe):
            reasons.append("every day has the same P&L")
        else:
            never = None if sharpe > 0.0 else "min_trl_days: the Sharpe ratio is not above 0"
            reasons.append("; ".join(filter(None, (no_hurdle, never))) or None)
    return reasons
