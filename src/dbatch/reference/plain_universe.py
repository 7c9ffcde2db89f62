"""A portfolio's job: every security read by the plain reader, one after the other, then the one account."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from dbatch.data.securities import members_of
from dbatch.engine.universe import tables_of
from dbatch.errors import DataError, HandlerError
from dbatch.model import Job, Window
from dbatch.portfolio import PortfolioStrategy
from dbatch.portfolio.account import run_portfolio
from dbatch.portfolio.universe import security_days, universe_of
from dbatch.reference.plain_bars import read_whole_bars


def account_of(strategy: object, job: Job, window: Window) -> tuple[int, dict[str, Any], dict[str, pa.Table]]:
    """Return how many bars there are, the summary's numbers, sums and falls taken step by step, and the account."""
    if not isinstance(strategy, PortfolioStrategy):
        raise HandlerError(
            f"the factory returned {type(strategy).__name__}, must be a PortfolioStrategy as when planned"
        )
    parameters = strategy.parameters(**job.section)
    bars = {member.name: read_whole_bars(member, Window()) for member in members_of(job.security.source)}
    securities = [security_days(name, own, strategy, parameters) for name, own in bars.items()]
    universe = universe_of(securities, strategy.trading(parameters).rebalance)
    result = run_portfolio(universe, strategy, parameters, start_day=window.start_day, end_day=window.end_day)
    if not len(result.days):
        raise DataError(f"{job.security.source}: no bars among the dates asked for")
    peak, deepest = result.start_capital, 0.0
    for equity in result.equity.tolist():
        peak = max(peak, equity)
        deepest = max(deepest, peak - equity)
    orders = list(zip(result.orders.shares.tolist(), result.orders.prices.tolist(), strict=True))
    values = {
        "trades": len(orders),
        "realized_pnl": result.equity.tolist()[-1] - result.start_capital,
        "position": 0,
        "market_dates": len(result.days),
        "strategy_dates": len(set(result.orders.days.tolist())),
        "win_rate": None,
        "max_drawdown": deepest,
        "turnover": math.fsum(abs(shares) * price for shares, price in orders),
        "fees": None,
    }
    return sum(map(len, bars.values())), values, tables_of(result)
