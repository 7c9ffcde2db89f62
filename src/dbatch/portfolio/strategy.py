"""What a portfolio strategy is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

REBALANCES: Final = ("D", "W", "M")
"""Every trading day, the first trading day of the week (from Monday), of the month."""


class Trading(NamedTuple):
    """How weights become an account: when, with how much, at which cost of the value traded.

    `rebalance` is one of `REBALANCES`, `start_capital` in currency; `commission_bps`, `half_spread_bps` and
    `impact_bps` are hundredths of a per cent of the value of each order, each charged once.
    """

    rebalance: str = "M"
    start_capital: float = 1_000_000.0
    commission_bps: float = 0.0
    half_spread_bps: float = 0.0
    impact_bps: float = 0.0


def _as_they_are(parameters: Any) -> Any:
    return parameters


@dataclass(frozen=True)
class PortfolioStrategy:
    """What `create_<strategy>_handler` returns for a strategy over a universe.

    `parameters` is a NamedTuple class of what a user may set. `prepare(parameters)` is called once, before anything is
    computed, and returns them with what they refer to on disk filled in, so that a result depends on them alone.
    `features(parameters)` names the features that are needed; `feature(bars, name)` gets all bars of one security
    (arrays `timestamps`, `opens`, `highs`, `lows`, `closes`, `volumes`) and returns a float64 array as long as they
    are, whose value at a bar uses that bar and those before alone, NaN where there is none. `weigh(values, parameters)`
    gets the features on one day, a row for each security (by name) that traded on it and a column for each name, and
    returns the target weights, shares of equity, below 0.0 for short. `trading(parameters)` says how they are traded.
    """

    parameters: type[tuple[Any, ...]]
    features: Callable[[Any], tuple[str, ...]]
    feature: Callable[[Any, str], np.ndarray]
    weigh: Callable[[np.ndarray, Any], np.ndarray]
    trading: Callable[[Any], Trading]
    prepare: Callable[[Any], Any] = _as_they_are
