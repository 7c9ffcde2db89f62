"""Strategies whose unit is the whole universe: features of each security, weights across all of them, one account.

What plugins use: `PortfolioStrategy`, `Trading` and the building blocks of a cross-section.
"""

from dbatch.portfolio.cross_section import combined, equal_weighted_sides, winsorized, z_scores
from dbatch.portfolio.strategy import PortfolioStrategy, Trading

__all__ = ["PortfolioStrategy", "Trading", "combined", "equal_weighted_sides", "winsorized", "z_scores"]
