"""multifactor_long_short: long the fifth of a universe with the best score over several factors, short the worst."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from dbatch import ConfigError
from dbatch.portfolio import PortfolioStrategy, Trading, combined, equal_weighted_sides, winsorized, z_scores
from dbatch_portfolio.bundle import DEFAULT_BUNDLE, bundle_of, bundle_text
from dbatch_portfolio.factors import factor


class Parameters(NamedTuple):
    """What a user may set."""

    bundle_path: Annotated[str, "path", "YAML file with the factors; empty: five of momentum, trend and risk"] = ""
    bundle: Annotated[str, "JSON", "what that file holds; filled in, leave it out"] = ""
    freq: Annotated[Literal["D", "1D", "1d", "d"], "", "length of the bars: a day"] = "D"
    rebalance_freq: Annotated[Literal["D", "W", "M"], "", "every day, first trading day of week or month"] = "M"
    max_gross_exposure: Annotated[float, Gt(0), "x equity", "both sides together"] = 1.0
    net_exposure: Annotated[float, "x equity", "long side less short side"] = 0.0
    side_share: Annotated[float, Gt(0), Le(0.5), "", "share of the universe on each side"] = 0.2
    side_least: Annotated[int, Ge(1), "securities", "at least so many on each side"] = 2
    commission_bps: Annotated[float, Ge(0), "bps of value", "per order"] = 0.0
    half_spread_bps: Annotated[float, Ge(0), "bps of value", "per order"] = 0.0
    impact_bps: Annotated[float, Ge(0), "bps of value", "per order"] = 0.0
    start_capital: Annotated[float, Gt(0), "currency", "equity before the first day"] = 1_000_000.0


def create_multifactor_long_short_handler(config: Any) -> PortfolioStrategy:
    """Return the strategy; it is the same for all configurations."""
    return PortfolioStrategy(Parameters, features, factor, weigh, trading, prepare)


def prepare(parameters: Parameters) -> Parameters:
    """Return `parameters` with the bundle's contents. Raises ConfigError for a bundle or exposures that cannot be."""
    gross, net = parameters.max_gross_exposure, parameters.net_exposure
    if abs(net) > gross:
        fault = f"net_exposure: is {net}, must be from {-gross} to {gross}, for max_gross_exposure is {gross}"
        raise ConfigError("multifactor_long_short", [fault])
    if parameters.bundle_path:
        return parameters._replace(bundle=bundle_text(parameters.bundle_path), bundle_path="")
    bundle_of(parameters.bundle or DEFAULT_BUNDLE)
    return parameters._replace(bundle=parameters.bundle or DEFAULT_BUNDLE)


def features(parameters: Parameters) -> tuple[str, ...]:
    """Return the names of the bundle's factors."""
    return bundle_of(parameters.bundle).factors


def weigh(values: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Return the weights of the securities whose factors are `values`: see the module's first line."""
    bundle = bundle_of(parameters.bundle)
    columns = []
    for column, sign in zip(values.T, bundle.signs, strict=True):
        score = column if bundle.limits is None else winsorized(column, *bundle.limits)
        columns.append((z_scores(score) if bundle.zscore else score) * sign)
    return equal_weighted_sides(
        combined(np.array(columns).T, np.array(bundle.weights)),
        share=parameters.side_share,
        least=parameters.side_least,
        gross=parameters.max_gross_exposure,
        net=parameters.net_exposure,
    )


def trading(parameters: Parameters) -> Trading:
    """Return when and at which cost the weights are traded."""
    return Trading(
        parameters.rebalance_freq,
        parameters.start_capital,
        parameters.commission_bps,
        parameters.half_spread_bps,
        parameters.impact_bps,
    )
