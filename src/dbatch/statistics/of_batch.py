"""The statistics of a whole batch, from its ledger and parts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from dbatch.errors import UsageError
from dbatch.metrics.daily import DAYS_PER_YEAR
from dbatch.results.columns import table_of
from dbatch.statistics.best import min_btl
from dbatch.statistics.bootstrap import CONFIDENCE, RESAMPLES
from dbatch.statistics.likeness import MOST_CLUSTERED, clusters, effective_trials
from dbatch.statistics.of_runs import FEWEST_DAYS, Drawing, RunFigures, run_columns, run_figures
from dbatch.statistics.overfitting import blocks_for, overfitting
from dbatch.statistics.reading import BatchResults, Trials, common_days, read_batch
from dbatch.statistics.tables import RUN_STATISTIC_KINDS, BatchStatistics, Best, SplitResults

DISCOVERY = 0.05
"""An adjusted p-value up to this is a discovery."""


def batch_statistics(
    folder: Path,
    *,
    prior_trials: int = 0,
    seed: int | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    intervals: int | None = None,
) -> BatchStatistics:
    """Return how far the results of the batch in `folder` can be believed.

    `prior_trials` were tried before and elsewhere: they are added to those of the ledger, which counts all that were
    begun. `seed` is that of the intervals; by default it follows from the jobs' keys. With `intervals` only so many
    runs, those with the highest Sharpe ratios, have one: the same as else, up to rounding. Nothing is written. Raises
    OutputError for a folder without a batch, UsageError for arguments that cannot be.
    """
    if prior_trials < 0:
        raise UsageError(f"prior-trials is {prior_trials}, must be 0 or more: trials are only ever added")
    if seed is not None and seed < 0:
        raise UsageError(f"seed is {seed}, must be 0 or more")
    return statistics_of(
        read_batch(folder),
        prior_trials=prior_trials,
        seed=seed,
        resamples=resamples,
        confidence=confidence,
        intervals=intervals,
    )


def statistics_of(
    results: BatchResults,
    *,
    prior_trials: int,
    seed: int | None,
    resamples: int,
    confidence: float,
    intervals: int | None = None,
) -> BatchStatistics:
    """Return what `batch_statistics` does, of results that were read."""
    found = results.trials
    trials = Trials(found.planned, found.attempted, found.failed, found.superseded, prior_trials)
    seed = results.seed if seed is None else seed
    drawing = Drawing(seed, resamples, confidence, intervals)
    figures = run_figures(results, trials=max(trials.total, 1), drawing=drawing)
    reasons: dict[str, str] = {}
    places, common = common_days(results.alike)
    cluster = _clusters(places, common, len(figures.days), reasons)
    columns = run_columns(results, figures, cluster, trials=max(trials.total, 1))
    year = math.sqrt(DAYS_PER_YEAR)
    is_known = not math.isnan(figures.hurdle)
    if not is_known:
        reasons["expected_maximum"] = reasons["sharpe_deviation"] = "fewer than two runs have a Sharpe ratio"
    return BatchStatistics(
        batch=results.name,
        trials=trials,
        with_sharpe=figures.with_sharpe,
        sharpe_deviation=math.sqrt(figures.variance) * year if is_known else None,
        expected_maximum=figures.hurdle * year if is_known else None,
        best=_best(columns, figures, trials.total, reasons),
        discoveries=sum(value <= DISCOVERY for value in columns["p_value_bh"]),
        splits=_splits(common, reasons),
        effective=_effective(common, cluster[places], reasons),
        seed=seed,
        resamples=resamples,
        confidence=confidence,
        days_per_year=DAYS_PER_YEAR,
        state=results.state,
        holdout=results.holdout,
        openings=results.openings,
        reasons=reasons,
        runs=table_of(columns, RUN_STATISTIC_KINDS),
    )


def _clusters(places: np.ndarray, common: np.ndarray, runs: int, reasons: dict[str, str]) -> np.ndarray:
    found = np.full(runs, -1, np.int64)
    if len(places) > MOST_CLUSTERED:
        reasons["cluster"] = f"{len(places):,} runs; at most {MOST_CLUSTERED:,} are clustered"
    elif common.shape[1] < FEWEST_DAYS:
        reasons["cluster"] = _too_short(common)
    else:
        found[places] = clusters(common)
    return found


def _splits(common: np.ndarray, reasons: dict[str, str]) -> SplitResults | None:
    blocks = blocks_for(*common.shape)
    if not blocks or common.shape[1] < FEWEST_DAYS:
        reasons["pbo"] = "fewer than two runs succeeded" if len(common) < 2 else _too_short(common)
        return None
    found = overfitting(common, blocks=blocks)
    return SplitResults(found.pbo, found.slope, found.loss_share, blocks, common.shape[1], len(common))


def _effective(common: np.ndarray, cluster: np.ndarray, reasons: dict[str, str]) -> Any:
    if common.shape[1] < FEWEST_DAYS:
        reasons["effective"] = _too_short(common)
        return None
    found = effective_trials(common, None if "cluster" in reasons else cluster)
    if found is None:
        reasons["effective"] = "no run has days that differ"
    return found


def _too_short(common: np.ndarray) -> str:
    if not len(common):
        return "no run succeeded"
    return f"all runs together have {common.shape[1]} days, needs {FEWEST_DAYS}"


def _best(columns: dict[str, list[Any]], figures: RunFigures, trials: int, reasons: dict[str, str]) -> Best | None:
    """Return the run with the highest Sharpe ratio, the first of several."""
    if not figures.with_sharpe:
        reasons["best"] = "no run has a Sharpe ratio over enough days that differ"
        return None
    at = int(np.nanargmax(figures.of_days["daily_sharpe"]))
    sharpe = columns["sharpe"][at]
    if not sharpe > 0.0:
        reasons["min_btl_years"] = "the best Sharpe ratio is not above 0"
    numbers = {name: _finite(columns[name][at]) for name in _OF_BEST}
    return Best(
        run_id=columns["run_id"][at],
        days=columns["days"][at],
        sharpe=sharpe,
        **numbers,
        min_btl_years=min_btl(max(trials, 1), sharpe) if sharpe > 0.0 else None,
    )


_OF_BEST = ("sharpe_low", "sharpe_high", "psr", "dsr", "dsr_2025", "min_trl_days")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
