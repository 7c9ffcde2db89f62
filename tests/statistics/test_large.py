"""Statistics of thousands of runs take seconds, and reading them again does not look at any part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.results.run_table import RunsAlike
from dbatch.statistics import likeness, of_batch, overfitting
from dbatch.statistics.of_batch import batch_statistics, statistics_of
from dbatch.statistics.reading import BatchResults, Trials
from dbatch.statistics.written import read_statistics, write_statistics


def results(runs: int, days: int = 60) -> BatchResults:
    """Return results of so many runs of noise, as they are read from a batch."""
    pnl = np.random.default_rng(1).normal(0.0, 100.0, (runs, days))
    summary: dict[str, list[Any]] = {
        "run_id": [f"r{run}" for run in range(runs)],
        "status": ["success"] * runs,
        **{name: [1.0] * runs for name in ("turnover", "realized_pnl", "max_dd_pct", "fees")},
        "round_trips": [1] * runs,
    }
    alike = (RunsAlike(list(range(runs)), np.arange(days), pnl, np.full(runs, 1e6)),)
    return BatchResults("b", Trials(runs, runs, 0, 0), summary, alike, 1, "")


def test_more_runs_than_can_be_clustered_say_so_and_have_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_batch, "MOST_CLUSTERED", 100)
    found = statistics_of(results(101), prior_trials=0, seed=None, resamples=100, confidence=0.95)

    assert found.reasons["cluster"] == "101 runs; at most 100 are clustered"
    assert found.runs.column("cluster").null_count == 101
    assert found.effective is not None
    assert found.effective.by_clusters is None
    assert found.effective.by_rank > 1.0
    assert likeness.MOST_CLUSTERED == 5_000


def test_many_runs_are_split_into_fewer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "_MOST_CELLS", 50_000)  # 252 ways to halve 10 blocks, 924 to halve 12
    found = statistics_of(results(100), prior_trials=0, seed=None, resamples=100, confidence=0.95)

    assert found.splits is not None
    assert (found.splits.blocks, found.splits.trials) == (10, 100)


def test_reading_needs_no_part(tmp_path: Path, make_batch: Any, batches: Any) -> None:
    make_batch(tmp_path, [batches.MadeRun({"AAA": batches.MadeJob(daily=(1.0, -2.0) * 20)}) for _ in range(3)])
    written = batch_statistics(tmp_path)
    write_statistics(tmp_path, written)
    for part in (tmp_path / "parts").rglob("*.parquet"):
        part.unlink()

    assert read_statistics(tmp_path) == written
