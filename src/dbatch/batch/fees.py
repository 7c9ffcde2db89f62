"""Fees among the parameters of a run: whose they are, the strategy's or the engine's, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from dbatch.model import FeeRules
from dbatch.portfolio import PortfolioStrategy
from dbatch.strategies import BarStrategy, SignalStrategy
from dbatch.strategies.parameters import names_of

FEE_NAMES: Final = tuple(field.name for field in fields(FeeRules))


def takes_costs(handler: object, declared: type | None, written: Mapping[str, Any]) -> bool:
    """Return whether a strategy accounts for costs itself: then what is called as a fee is its own parameter.

    Strategies over bars and portfolios do, and one that declares a parameter of `FEE_NAMES`; one that declares none at
    all (`declared` is None) where its configuration file, `written`, has a key of such a name.
    """
    if isinstance(handler, BarStrategy | SignalStrategy | PortfolioStrategy):
        return True
    if declared is not None:
        return not set(FEE_NAMES).isdisjoint(names_of(declared))
    return any(isinstance(section, Mapping) and set(FEE_NAMES) & set(section) for section in written.values())


def without_fees(parameters: Mapping[str, Any]) -> tuple[FeeRules | None, dict[str, Any]]:
    """Return the rules that `parameters` name, None where they name none, and the other parameters.

    Raises UsageError, naming the key, for what is no number of 0 or more.
    """
    given = {name: parameters[name] for name in FEE_NAMES if parameters.get(name) is not None}
    rest = {name: value for name, value in parameters.items() if name not in FEE_NAMES}
    return FeeRules(**given) if given else None, rest
