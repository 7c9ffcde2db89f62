"""Bars to check a strategy over when nobody named any: the market ships with ticks alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dbatch.batch.defaults import default_data
from dbatch.batch.single import RunRequest
from dbatch.data.bar_write import write_bars
from dbatch.errors import StrategyError
from dbatch.plugins.discovery import resolve, search_paths
from dbatch.plugins.loading import make_handler
from dbatch.portfolio import PortfolioStrategy
from dbatch.strategies import BarStrategy, SignalStrategy
from dbatch.testing.bar_contract import synthetic_bars
from dbatch.testing.portfolio_contract import synthetic_universe

_HOURS: Final = 3_000


def made_up_data(request: RunRequest, folder: Path) -> str | None:
    """Return a new market in `folder` for a strategy over bars where `request` names no data and there is none here.

    3,000 hours of one security; for a portfolio 700 trading days of nine. None where other data are to be taken.
    """
    if request.data is not None or request.bars is not None or default_data()[1] is None:
        return None
    try:
        handler = make_handler(resolve(request.strategy, search_paths(request.strategy_paths)).ref, {})
    except StrategyError:  # planning the run will say why
        return None
    if isinstance(handler, PortfolioStrategy):
        for name, bars in synthetic_universe().items():
            write_bars(bars, folder / f"{name.lower()}.parquet", {"security": name})
        return str(folder)
    if isinstance(handler, BarStrategy | SignalStrategy):
        write_bars(synthetic_bars(_HOURS), folder / "made_up.parquet", {"security": "MADE_UP"})
        return str(folder)
    return None
