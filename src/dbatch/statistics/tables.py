"""The statistics of a batch as values: one frozen object, and a table with a row per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from dbatch.results.columns import Kind
from dbatch.statistics.likeness import EffectiveTrials
from dbatch.statistics.reading import Trials

RUN_STATISTIC_KINDS: Final[Mapping[str, Kind]] = {
    "run_id": "text",
    "status": "text",
    "days": "int",
    "dsr": "float",
    "psr": "float",
    "p_value": "float",
    "p_value_bh": "float",
    "sharpe_low": "float",
    "sharpe_high": "float",
    "min_trl_days": "float",
    "break_even_bps": "float",
    "turnover": "float",
    "max_dd_pct": "float",
    "calmar": "float",
    "round_trips": "int",
    "dsr_2025": "float",
    "psr_2025": "float",
    "skewness": "float",
    "kurtosis": "float",
    "autocorrelation": "float",
    "block_days": "float",
    "cluster": "int",
    "sharpe": "float",
    "reason": "text",
}
"""The columns of `batch_statistics.parquet` in their order; `docs/statistics.md` says what each one means."""


@dataclass(frozen=True)
class Best:
    """The run with the highest Sharpe ratio of those that have statistics, annualised where it is a Sharpe ratio."""

    run_id: str
    days: int
    sharpe: float
    sharpe_low: float | None
    sharpe_high: float | None
    psr: float | None
    dsr: float | None
    dsr_2025: float | None
    min_trl_days: float | None
    min_btl_years: float | None


@dataclass(frozen=True)
class SplitResults:
    """What cross-validation says of choosing the best: see `overfitting.Overfitting`."""

    pbo: float
    slope: float | None
    loss_share: float
    blocks: int
    days: int
    trials: int


@dataclass(frozen=True)
class BatchStatistics:
    """How far the results of a batch can be believed.

    Of the Sharpe ratios of `with_sharpe` runs, `sharpe_deviation` is the standard deviation and `expected_maximum` what
    the best of `trials.total` without any skill would have, both annualised. `discoveries` runs have an adjusted
    p-value of 0.05 or less. What is None has its cause in `reasons`, by name. `runs` has the columns of
    `RUN_STATISTIC_KINDS`, a row per run in their order. `state` is the ledger's when it was read.
    `holdout` is the first day that was left out, `openings` how often it was opened.
    """

    batch: str
    trials: Trials
    with_sharpe: int
    sharpe_deviation: float | None
    expected_maximum: float | None
    best: Best | None
    discoveries: int
    splits: SplitResults | None
    effective: EffectiveTrials | None
    seed: int
    resamples: int
    confidence: float
    days_per_year: float
    state: str
    holdout: str | None
    openings: int
    reasons: Mapping[str, str]
    runs: pa.Table
