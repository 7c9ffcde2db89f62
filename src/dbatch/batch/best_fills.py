"""Which runs' fills are worth their place on the disk."""

from __future__ import annotations

from typing import Any


def best_runs(summary: Any, most: int) -> set[str]:
    """Return the ids of the `most` runs of a summary with the highest Sharpe ratio, of equals the first ones.

    `summary` is an Arrow table with the columns `run_id` and `sharpe`, a row per run; runs without a ratio are none.
    """
    ratios = summary.column("sharpe").to_pylist()
    ids = summary.column("run_id").to_pylist()
    ranked = sorted((-ratio, place) for place, ratio in enumerate(ratios) if ratio is not None)
    return {ids[place] for _, place in ranked[:most]}
