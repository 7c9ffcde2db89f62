"""For authors of strategies: ticks in words, a backtest in a line, and the contract that every strategy keeps.

The public names are loaded on first use, so that `import dbatch.testing` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbatch.testing.bar_contract import BarStrategyContract
    from dbatch.testing.contract import StrategyContract
    from dbatch.testing.outcome import Outcome
    from dbatch.testing.portfolio_contract import PortfolioStrategyContract
    from dbatch.testing.single import backtest
    from dbatch.testing.ticks import ticks_of

__all__ = ["BarStrategyContract", "Outcome", "PortfolioStrategyContract", "StrategyContract", "backtest", "ticks_of"]

_HOMES = {
    "BarStrategyContract": "dbatch.testing.bar_contract",
    "Outcome": "dbatch.testing.outcome",
    "PortfolioStrategyContract": "dbatch.testing.portfolio_contract",
    "StrategyContract": "dbatch.testing.contract",
    "backtest": "dbatch.testing.single",
    "ticks_of": "dbatch.testing.ticks",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dbatch.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return list(__all__)
