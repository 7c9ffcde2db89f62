"""Small universes, and the account of multifactor_long_short over them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.data.bars import bar_block
from dbatch.portfolio.account import PortfolioResult, run_portfolio
from dbatch.portfolio.universe import security_days, universe_of
from dbatch_portfolio.multifactor_long_short import Parameters, create_multifactor_long_short_handler, prepare


@pytest.fixture(scope="session")
def twin() -> ModuleType:
    """The slow pandas version, loaded from its file: with importlib's import mode it has no name."""
    spec = importlib.util.spec_from_file_location("dbatch_portfolio_twin", Path(__file__).with_name("twin.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def panel() -> Callable[..., pd.DataFrame]:
    """Invented closes on weekdays from 2019 on: a column per security, some listed late, some with holes."""

    def made(securities: int = 9, days: int = 700, seed: int = 5) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        prices = 50 * np.exp(np.cumsum(rng.normal(0.0003, 0.02, (days, securities)), axis=0))
        index = pd.bdate_range("2019-01-01", periods=days)
        closes = pd.DataFrame(prices, index=index, columns=[f"S{n}" for n in range(securities)])
        closes.iloc[: days // 3, 0] = np.nan
        closes = closes.mask(rng.random(closes.shape) < 0.01)
        return closes.dropna(how="all")

    return made


@pytest.fixture(scope="session")
def account_of() -> Callable[..., PortfolioResult]:
    """The account of multifactor_long_short over a panel of closes; options are those of its parameters."""

    def run(closes: pd.DataFrame, start: str | None = None, end: str | None = None, **options: Any) -> PortfolioResult:
        parameters = prepare(Parameters(**options))
        strategy = create_multifactor_long_short_handler({})
        securities = []
        for name, column in closes.items():
            price = column.dropna()
            stamps = price.index.to_numpy("datetime64[ns]").view("int64")
            bars = bar_block(stamps, *[price.to_numpy()] * 4, np.zeros(len(price)))
            securities.append(security_days(str(name), bars, strategy, parameters))
        universe = universe_of(securities[::-1], parameters.rebalance_freq)
        return run_portfolio(universe, strategy, parameters, start_day=_day(start), end_day=_day(end))

    return run


def _day(text: str | None) -> int | None:
    return None if text is None else int(np.datetime64(text, "D").astype(np.int64))
