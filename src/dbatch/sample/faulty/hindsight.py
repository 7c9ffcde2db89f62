"""FAULTY, a portfolio: its momentum is that of the month to come."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge

from dbatch.portfolio import PortfolioStrategy, Trading, equal_weighted_sides


class Parameters(NamedTuple):
    """What a user may set."""

    horizon: Annotated[int, Ge(1), "days", "how far ahead it looks"] = 21


def features(parameters: Parameters) -> tuple[str, ...]:
    """Return the one feature, named by its horizon."""
    return (f"return_in_{parameters.horizon}",)


def feature(bars: Any, name: str) -> np.ndarray:
    """Return log p[t + horizon] / p[t]."""
    horizon = int(name.rpartition("_")[2])
    found = np.full(len(bars.closes), np.nan)
    found[:-horizon] = np.log(bars.closes[horizon:] / bars.closes[:-horizon])
    return found


def weigh(values: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return weights: long what will rise most, short what will fall most."""
    return equal_weighted_sides(values[:, 0], share=0.2, least=2, gross=1.0, net=0.0)


def trading(parameters: Parameters) -> Trading:
    """Return monthly trading without costs."""
    return Trading()


def create_hindsight_handler(config: Any) -> PortfolioStrategy:
    """Return the strategy."""
    return PortfolioStrategy(Parameters, features, feature, weigh, trading)
