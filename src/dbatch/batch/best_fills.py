"""Which runs' fills are worth their place on the disk."""

from __future__ import annotations

from pathlib import Path

from dbatch.results.consolidate import read_summary


def best_runs(folder: Path, most: int) -> set[str]:
    """Return the ids of the `most` runs of a batch with the highest Sharpe ratio, of equals the first ones."""
    summary = read_summary(folder)
    ratios = summary.column("sharpe").to_pylist()
    ids = summary.column("run_id").to_pylist()
    ranked = sorted((-ratio, place) for place, ratio in enumerate(ratios) if ratio is not None)
    return {ids[place] for _, place in ranked[:most]}
