"""Whether a strategy takes what the data hold."""

from __future__ import annotations

from dbatch.data.market import Market
from dbatch.errors import UsageError
from dbatch.model import StrategyRef
from dbatch.portfolio import PortfolioStrategy
from dbatch.strategies import BarStrategy, EventStrategy, SignalStrategy


def check_fit(ref: StrategyRef, handler: object, market: Market) -> None:
    """Raise UsageError where `market` holds bars and the strategy takes ticks, or the other way round."""
    has_bars = bool(market.securities[0].source.bars)
    if isinstance(handler, EventStrategy) and has_bars:
        raise UsageError(
            f"{market.origin}: holds bars, and strategy '{ref.name}' takes ticks (no --bars, other --data)"
        )
    if isinstance(handler, BarStrategy | SignalStrategy) and not has_bars:
        raise UsageError(
            f"{market.origin}: holds ticks, and strategy '{ref.name}' takes bars, which --bars 5min makes of them"
        )
    if isinstance(handler, PortfolioStrategy) and not has_bars:
        raise UsageError(
            f"{market.origin}: holds ticks, and strategy '{ref.name}' takes daily bars, which --bars 1d makes of them"
        )
