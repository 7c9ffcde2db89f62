"""What a batch is after: the column of its summary that says which run is best, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dbatch.errors import UsageError
from dbatch.schema import RUN_SUMMARY_COLUMNS

DEFAULT_OBJECTIVE: Final = "sharpe"
_ALIASES: Final = {
    "return": "total_pnl",
    "pnl": "total_pnl",
    "drawdown": "max_dd_pct",
    "volatility": "annual_volatility_pct",
}
_LOW: Final = frozenset({"annual_volatility_pct", "max_dd", "max_dd_pct", "turnover", "fees"})
_COUNTS: Final = frozenset({"fills", "round_trips"})
_NONE: Final = frozenset(
    {"run_id", "status", "strategy", "params_hash", "start_date", "end_date", "securities", "runtime_sec", "error"}
)
OBJECTIVES: Final = tuple(name for name in RUN_SUMMARY_COLUMNS if name not in _NONE)
"""Columns of `batch_summary` that may be an objective."""


@dataclass(frozen=True)
class Objective:
    """What is looked for: the best value of `column`, the lowest where `is_low`."""

    name: str
    column: str
    is_low: bool

    @property
    def order(self) -> str:
        """Return it as `dbatch show --sort-by` has it, the best first."""
        return self.column if self.is_low else f"-{self.column}"

    def ranked(self, values: Sequence[float | None] | np.ndarray) -> list[int]:
        """Return the places of `values`, the best first; of equal ones the first, and none that is missing.

        >>> objective_of("return").ranked([1.0, None, 3.0, 3.0]), objective_of("drawdown").ranked([0.2, 0.1])
        ([2, 3, 0], [1, 0])
        """
        found = np.array(values, np.float64) * (1.0 if self.is_low else -1.0)
        order: list[int] = np.argsort(found, kind="stable").tolist()
        return order[: len(found) - np.count_nonzero(np.isnan(found))]


def objective_of(name: str) -> Objective:
    """Return the objective called `name`: a column of `batch_summary`, return, pnl, drawdown or volatility.

    Low is good of drawdowns, volatility and turnover, high of all others. Raises UsageError.
    """
    column = _ALIASES.get(name, name)
    if column not in OBJECTIVES:
        raise UsageError(f"--objective {name}: must be one of {', '.join([*_ALIASES, *OBJECTIVES])}")
    return Objective(name, column, column in _LOW)


def best_run(
    name: str, summary: Mapping[str, Sequence[Any] | np.ndarray], parameters: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the best run of `summary` by the objective `name` as files tell it; `parameters` of runs by their id.

    Only runs that wholly succeeded have values; without any the best run is None.
    """
    objective = objective_of(name)
    ranked = objective.ranked(summary[objective.column])
    told = {"objective": name, "column": objective.column, "direction": "low" if objective.is_low else "high"}
    if not ranked:
        return {**told, "run_id": None, "value": None, "parameters": None}
    run_id = summary["run_id"][ranked[0]]
    value = summary[objective.column][ranked[0]]
    if isinstance(value, np.floating):
        value = int(value) if objective.column in _COUNTS else float(value)
    return {**told, "run_id": run_id, "value": value, "parameters": dict(parameters.get(run_id, {}))}
