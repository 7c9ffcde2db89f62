"""Which runs' fills are worth their place on the disk."""

from __future__ import annotations

from pathlib import Path

from dbatch.results.ledger import Ledger
from dbatch.results.objective import DEFAULT_OBJECTIVE, objective_of
from dbatch.results.run_values import run_values


def best_runs(folder: Path, ledger: Ledger, most: int, objective: str | None = None) -> set[str]:
    """Return the ids of the `most` runs in `folder` that are best by `objective`, of equals the first ones.

    Without one it is the Sharpe ratio; runs without a value are none.
    """
    wanted = objective_of(objective or DEFAULT_OBJECTIVE)
    runs, values = run_values(folder, ledger, wanted.column)
    return {runs[place] for place in wanted.ranked(values)[:most]}
