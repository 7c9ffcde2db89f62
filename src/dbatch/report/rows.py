"""The runs of a batch in columns: what the summary and the statistics say of each, and which are the best."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.looking.query import runs_table
from dbatch.looking.tables import PARAMETER, Tables
from dbatch.report.pack import Packed, floats, plain, text, words
from dbatch.statistics.tables import BatchStatistics

MOST_RUNS: Final = 60_000
"""More runs are not in a page: it has the best half of so many, and of the others some, evenly chosen."""

METRICS: Final[dict[str, tuple[str, str, int]]] = {
    "dsr": ("DSR", "share", 1),
    "psr": ("PSR", "share", 1),
    "sharpe_low": ("Sharpe, low end", "ratio", 1),
    "sharpe_high": ("Sharpe, high end", "ratio", 1),
    "min_trl_days": ("MinTRL", "days", -1),
    "days": ("days", "days", 0),
    "break_even_bps": ("break-even", "bps", 1),
    "max_dd_pct": ("drawdown", "percent", -1),
    "max_dd": ("drawdown, money", "money", -1),
    "turnover": ("turnover", "money", 0),
    "fees": ("fees", "money", -1),
    "fills": ("trades", "count", 0),
    "round_trips": ("round trips", "count", 0),
    "total_pnl": ("P&L", "money", 1),
    "realized_pnl": ("realised P&L", "money", 1),
    "win_rate": ("win rate", "share", 1),
    "profit_factor": ("profit factor", "ratio", 1),
    "expectancy": ("expectancy", "money", 1),
    "avg_trade_return": ("return a trade", "share", 1),
    "annual_volatility_pct": ("volatility", "percent", 0),
    "calmar": ("Calmar", "ratio", 1),
    "sortino": ("Sortino", "ratio", 1),
    "cluster": ("cluster", "count", 0),
    "runtime_sec": ("runtime", "seconds", -1),
    "sharpe": ("Sharpe", "ratio", 1),
}
"""Of each metric its heading, how it is written, and whether more (1) or less (-1) of it is better; the raw Sharpe
ratio comes last."""

_SAME: Final = ("sharpe", "total_pnl", "fills", "turnover", "max_dd", "round_trips", "win_rate")


@dataclass(frozen=True)
class Runs:
    """All runs of a batch: of each metric a float64 value per run, NaN where it has none; `order` their places, the
    best first; `parameters` those that vary, by name, a value per run."""

    ids: list[str]
    statuses: list[str]
    strategies: list[str]
    errors: list[str | None]
    metrics: dict[str, np.ndarray]
    parameters: dict[str, list[Any]]
    order: np.ndarray

    def distinct_best(self, most: int) -> list[tuple[int, int]]:
        """Return (place, how many runs have its results) of the best runs, of those with equal results the first."""
        succeeded = np.array([status == "success" for status in self.statuses], bool)
        results = np.column_stack([self.metrics[name] for name in _SAME] + [np.zeros(len(self.ids))])
        same = [row.tobytes() for row in results]
        counts = Counter(key for key, is_good in zip(same, succeeded.tolist(), strict=True) if is_good)
        found: dict[bytes, int] = {}
        for place in self.order[succeeded[self.order]].tolist():
            found.setdefault(same[place], place)
            if len(found) == most:
                break
        return [(place, counts[key]) for key, place in found.items()]


def runs_of(tables: Tables, found: BatchStatistics) -> Runs:
    """Return the runs of `tables` with the statistics `found`, which are of the same runs."""
    table = runs_table(tables)
    metrics = {}
    for name in METRICS:
        source = table if name in table.column_names else found.runs
        known = name in source.column_names  # an older dbatch had no fees
        metrics[name] = _floats(source.column(name)) if known else np.full(len(table), np.nan)
    keys = [-np.nan_to_num(metrics[name], nan=-np.inf) for name in ("sharpe", "dsr")]
    return Runs(
        ids=table.column("run_id").to_pylist(),
        statuses=table.column("status").to_pylist(),
        strategies=table.column("strategy").to_pylist(),
        errors=table.column("error").to_pylist(),
        metrics=metrics,
        parameters={
            name.removeprefix(PARAMETER): table.column(name).to_pylist()
            for name in table.column_names
            if name.startswith(PARAMETER)
        },
        order=np.lexsort(keys),
    )


def packed(runs: Runs, *, most: int = MOST_RUNS) -> Packed:
    """Return the runs as the page holds them, the best first: columns of metrics that some run has, of parameters."""
    order = _some(runs.order, most)
    metrics = {name: values[order] for name, values in runs.metrics.items() if not np.isnan(values).all()}
    at = order.tolist()
    return {
        "total": len(runs.ids),
        "numbers": floats(order),
        "ids": [text(runs.ids[place]) for place in at],
        "status": words([runs.statuses[place] for place in at]),
        "strategy": words([runs.strategies[place] for place in at]),
        "error": words([runs.errors[place] for place in at]),
        "metrics": [
            {"name": name, "label": label, "form": form, "better": better, "data": floats(metrics[name])}
            for name, (label, form, better) in METRICS.items()
            if name in metrics
        ],
        "parameters": [
            {"name": text(name), **words([values[place] for place in at])} for name, values in runs.parameters.items()
        ],
    }


def histogram(values: np.ndarray, bins: int = 60) -> dict[str, Any]:
    """Return how many of `values`, without NaN, lie between each two of `edges`, which are round enough to read.

    >>> histogram(np.array([0.0, 1.0, 1.0, np.nan]), bins=2)
    {'edges': [0.0, 0.5, 1.0], 'counts': [1, 2]}
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(known, bins)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def values_of(runs: Runs, place: int) -> dict[str, Any]:
    """Return the parameters of a run that vary, as the page writes them."""
    return {text(name): plain(values[place]) for name, values in runs.parameters.items()}


def _some(order: np.ndarray, most: int) -> np.ndarray:
    if len(order) <= most:
        return order
    best = most // 2
    others = order[best:]
    return np.concatenate([order[:best], others[np.linspace(0, len(others) - 1, most - best).astype(np.int64)]])


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = column.cast(pa.float64()).to_numpy()
    return values
