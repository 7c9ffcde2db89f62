"""A portfolio over Dask's partitions: features of each security where its bars are, then one account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from dbatch.batch.setups import day_of
from dbatch.data.bar_frame import bars_of_frame
from dbatch.engine.universe import tables_of
from dbatch.errors import UsageError
from dbatch.model import UNIVERSE, StrategyRef
from dbatch.plugins.discovery import resolve, search_paths
from dbatch.plugins.loading import make_handler
from dbatch.portfolio import PortfolioStrategy
from dbatch.portfolio.account import run_portfolio
from dbatch.portfolio.universe import SecurityDays, security_days, universe_of
from dbatch.strategies.parameters import validate


def simulate_portfolio(
    bars: Any,
    strategy: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    start_date: date | str | None = None,
    end_date: date | str | None = None,
    strategy_path: str | Sequence[str] = (),
) -> Any:
    """Return a Dask Delayed of the account of a portfolio strategy over `bars`, which `read_bars` returns.

    Computed, it is {"equity", "weights", "orders"}: DataFrames with the columns of the files that `dbatch run` writes,
    and the same bits, on any scheduler. Features are a task for each partition, so that bars never leave their worker;
    only the days of each security and its features on signal days do. Raises UsageError (and its kinds) for a strategy
    of another kind and for parameters that do not fit.
    """
    import dask

    resolved = resolve(strategy, search_paths([strategy_path] if isinstance(strategy_path, str) else strategy_path))
    given = dict(parameters or {})
    handler = make_handler(resolved.ref, {UNIVERSE: given})
    if not isinstance(handler, PortfolioStrategy):
        raise UsageError(
            f"strategy '{strategy}' is none of portfolios; dbatch.simulate takes those of single securities"
        )
    checked: Any = validate(handler.parameters, {UNIVERSE: given}, "parameters")[UNIVERSE]
    section = handler.prepare(checked)._asdict()
    names = [name for name in dict.fromkeys(bars.divisions) if name is not None]
    if len(names) != bars.npartitions:
        raise UsageError("simulate_portfolio needs bars with known divisions, one security a partition: see read_bars")
    one = dask.delayed(_days, pure=True)
    securities = [one(part, name, resolved.ref, section) for part, name in zip(bars.to_delayed(), names, strict=True)]
    return dask.delayed(_account, pure=True)(securities, resolved.ref, section, day_of(start_date), day_of(end_date))


def _strategy(ref: StrategyRef, section: Mapping[str, Any]) -> tuple[PortfolioStrategy, Any]:
    handler = make_handler(ref, {UNIVERSE: section})
    if not isinstance(handler, PortfolioStrategy):
        raise UsageError(f"strategy '{ref.name}' is none of portfolios any more")
    return handler, handler.parameters(**section)


def _days(frame: pd.DataFrame, name: str, ref: StrategyRef, section: Mapping[str, Any]) -> SecurityDays:
    return security_days(name, bars_of_frame(frame), *_strategy(ref, section))


def _account(
    securities: Sequence[SecurityDays],
    ref: StrategyRef,
    section: Mapping[str, Any],
    start_day: int | None,
    end_day: int | None,
) -> dict[str, pd.DataFrame]:
    strategy, parameters = _strategy(ref, section)
    universe = universe_of(securities, strategy.trading(parameters).rebalance)
    result = run_portfolio(universe, strategy, parameters, start_day=start_day, end_day=end_day)
    return {name: table.to_pandas() for name, table in tables_of(result).items()}
