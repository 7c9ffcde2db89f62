"""What an account amounts to."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dbatch.metrics.daily import DAYS_PER_YEAR, daily_ratios
from dbatch.portfolio.account import PortfolioResult


class PortfolioMeasures(NamedTuple):
    """Figures of a whole account; None stands for a number that does not exist.

    `sharpe`, `sortino` and `annual_volatility_pct` are of daily returns (equity / equity of the day before - 1),
    `max_drawdown_pct` the deepest fall of equity in per cent of its peak so far, `turnover` the value of all orders in
    currency, `annual_turnover` the value of orders a year as a multiple of the mean equity, `costs` currency.
    """

    total_return_pct: float
    annual_return_pct: float | None
    sharpe: float | None
    sortino: float | None
    annual_volatility_pct: float | None
    max_drawdown_pct: float
    turnover: float
    annual_turnover: float | None
    costs: float
    orders: int
    rebalances: int


def daily_pnl(result: PortfolioResult) -> np.ndarray:
    """Return what equity gained on each day, float64 currency; the first day's gain is from the start capital."""
    return np.diff(result.equity, prepend=result.start_capital)


def portfolio_measures(result: PortfolioResult) -> PortfolioMeasures:
    """Return the measures of `result`, which has a day at least."""
    path = np.concatenate([[result.start_capital], result.equity])
    survives = bool((path > 0.0).all())
    years = len(result.equity) / DAYS_PER_YEAR
    growth = path[-1] / path[0]
    returns = path[1:] / path[:-1] - 1.0 if survives else np.array([math.nan])
    ratios = daily_ratios(returns, capital=1.0)
    orders = result.orders
    turnover = math.fsum((np.abs(orders.shares) * orders.prices).tolist())
    mean = math.fsum(result.equity.tolist()) / len(result.equity)
    return PortfolioMeasures(
        total_return_pct=(growth - 1.0) * 100.0,
        annual_return_pct=(growth ** (1.0 / years) - 1.0) * 100.0 if survives else None,
        sharpe=ratios.sharpe,
        sortino=ratios.sortino,
        annual_volatility_pct=ratios.annual_volatility_pct,
        max_drawdown_pct=float((1.0 - path / np.maximum.accumulate(path)).max()) * 100.0,
        turnover=turnover,
        annual_turnover=turnover / mean / years if mean > 0.0 else None,
        costs=math.fsum([*orders.commissions.tolist(), *orders.spreads.tolist(), *orders.impacts.tolist()]),
        orders=len(orders.days),
        rebalances=len(np.unique(orders.days)),
    )
