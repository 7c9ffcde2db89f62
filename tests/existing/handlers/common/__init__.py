from .base import BaseMarketMaker
from .pnl import PnLTracker

__all__ = ["BaseMarketMaker", "PnLTracker"]
