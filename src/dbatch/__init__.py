"""dbatch: batch backtests of strategies on Dask, one security a partition, the parallel answer the serial one.

The public names are loaded on first use, so that `import dbatch` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbatch.batch import (
        Batch,
        BatchOptions,
        Orchestrator,
        RunOutcome,
        RunRequest,
        run,
        scan,
        simulate,
        sweep,
    )
    from dbatch.batch.portfolios import simulate_portfolio
    from dbatch.data.bar_frame import read_bars
    from dbatch.data.frame import read_ticks
    from dbatch.errors import ConfigError, DbatchError, MissingDataError
    from dbatch.plugins.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "BatchOptions",
    "ConfigError",
    "DbatchError",
    "MissingDataError",
    "Orchestrator",
    "RunOutcome",
    "RunRequest",
    "hookimpl",
    "read_bars",
    "read_ticks",
    "run",
    "scan",
    "simulate",
    "simulate_portfolio",
    "sweep",
]

_HOMES = {
    "Batch": "dbatch.batch",
    "BatchOptions": "dbatch.batch",
    "ConfigError": "dbatch.errors",
    "DbatchError": "dbatch.errors",
    "MissingDataError": "dbatch.errors",
    "Orchestrator": "dbatch.batch",
    "RunOutcome": "dbatch.batch",
    "RunRequest": "dbatch.batch",
    "hookimpl": "dbatch.plugins.hookspecs",
    "read_bars": "dbatch.data.bar_frame",
    "read_ticks": "dbatch.data.frame",
    "run": "dbatch.batch",
    "scan": "dbatch.batch",
    "simulate": "dbatch.batch",
    "sweep": "dbatch.batch",
    "simulate_portfolio": "dbatch.batch.portfolios",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dbatch' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
