"""One job of a portfolio strategy: the whole universe, from the bars of each security to files of its account."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.data.bar_read import load_bars
from dbatch.data.faults import Faults
from dbatch.data.securities import members_of
from dbatch.engine.fills import Fills
from dbatch.engine.outcome import Outcome, peak_rss_mb
from dbatch.errors import DataError, HandlerError
from dbatch.metrics.daily import daily_ratios
from dbatch.model import Job, Receipt, RunContext
from dbatch.portfolio import PortfolioStrategy
from dbatch.portfolio.account import PortfolioResult, run_portfolio
from dbatch.portfolio.measures import PortfolioMeasures, daily_pnl, portfolio_measures
from dbatch.portfolio.universe import SecurityDays, Universe, security_days, universe_of
from dbatch.results.accounts import account_digest, keep_account
from dbatch.schema import JOB_METRIC_COLUMNS

_MOST_KEPT: Final = 2
_LOCK: Final = threading.Lock()
_KEPT: Final[OrderedDict[tuple[Any, ...], tuple[Universe, dict[str, int], tuple[Any, ...]]]] = OrderedDict()


def run_universe(context: RunContext, job: Job, strategy: object, faults: Faults, stop: Callable[[], bool]) -> Outcome:
    """Return what becomes of a portfolio's `job`; equity, weights and orders are then below the output folder.

    Raises what `account_of` raises, and StorageError when files cannot be kept.
    """
    started = time.perf_counter()
    result, rows = account_of(context, job, strategy, faults, stop)
    tables = tables_of(result)
    keep_account(Path(context.output_dir), job.key, tables)
    receipt = dataclasses.replace(
        _receipt(job, result, account_digest(tables), faults),
        rows=rows,
        runtime_sec=time.perf_counter() - started,
        peak_rss_mb=peak_rss_mb(),
    )
    no_fills = Fills(*(np.empty(0, kind) for kind in ("i8", "f8", "i8", "f8", "i8", "f8")))
    return Outcome(receipt, no_fills if context.keep_fills else None, result.days, daily_pnl(result))


def account_of(
    context: RunContext, job: Job, strategy: object, faults: Faults, stop: Callable[[], bool]
) -> tuple[PortfolioResult, int]:
    """Return the account of a portfolio's `job`, and how many bars its universe has; nothing is written.

    Raises DataError for a universe without bars in the window, InterruptedError when `stop` said so, and what the
    strategy raises.
    """
    if not isinstance(strategy, PortfolioStrategy):
        raise HandlerError(
            f"the factory returned {type(strategy).__name__}, must be a PortfolioStrategy as when planned"
        )
    parameters = strategy.parameters(**job.section)
    universe = _universe(context, job, strategy, parameters, faults, stop)
    window = context.window
    result = run_portfolio(universe, strategy, parameters, start_day=window.start_day, end_day=window.end_day)
    if not len(result.days):
        raise DataError(f"{job.security.source}: no bars among the dates asked for")
    return result, int(np.count_nonzero(~np.isnan(universe.closes)))


def days_of_member(member: Any, strategy: PortfolioStrategy, parameters: Any, faults: Faults) -> SecurityDays:
    """Return what `strategy` needs to know of one security, from its bars alone."""
    return security_days(member.name, load_bars(member, faults), strategy, parameters)


def _universe(
    context: RunContext,
    job: Job,
    strategy: PortfolioStrategy,
    parameters: Any,
    faults: Faults,
    stop: Callable[[], bool],
) -> Universe:
    """Return the universe with its features: those of the last jobs, which most runs of a batch share, from memory."""
    rebalance = strategy.trading(parameters).rebalance
    key = (context.strategy, job.fingerprint, str(job.security.source), strategy.features(parameters), rebalance)
    with _LOCK:
        kept = _KEPT.get(key)
    if kept is None:
        own = Faults()
        securities = []
        for member in members_of(job.security.source):
            if stop():
                raise InterruptedError
            securities.append(days_of_member(member, strategy, parameters, own))
        kept = universe_of(securities, rebalance), own.counts, own.examples
        with _LOCK:
            _KEPT[key] = kept
            while len(_KEPT) > _MOST_KEPT:
                _KEPT.popitem(last=False)
    faults.include(kept[1], kept[2])
    return kept[0]


def tables_of(result: PortfolioResult) -> dict[str, pa.Table]:
    """Return the tables that are kept of an account, by the name of their file.

    `equity`: date, equity, cash, long_value, short_value. `weights`: date (of the signal), security, weight, those that
    are not 0. `orders`: date, security, shares (below 0 sold), price, value, commission, half_spread, impact.
    """
    names = pa.array(result.names, pa.string())
    at, held = np.nonzero(result.weights)
    orders = result.orders
    return {
        "equity": pa.table(
            {
                "date": _dates(result.days),
                "equity": result.equity,
                "cash": result.cash,
                "long_value": result.long_value,
                "short_value": result.short_value,
            }
        ),
        "weights": pa.table(
            {
                "date": _dates(result.signal_days[at]),
                "security": names.take(pa.array(held)),
                "weight": result.weights[at, held],
            }
        ),
        "orders": pa.table(
            {
                "date": _dates(orders.days),
                "security": names.take(pa.array(orders.securities)),
                "shares": orders.shares,
                "price": orders.prices,
                "value": np.abs(orders.shares) * orders.prices,
                "commission": orders.commissions,
                "half_spread": orders.spreads,
                "impact": orders.impacts,
            }
        ),
    }


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def _receipt(job: Job, result: PortfolioResult, digest: str, faults: Faults) -> Receipt:
    measures = portfolio_measures(result)
    pnl = daily_pnl(result)
    return Receipt(
        key=job.key,
        security=job.security.name,
        status="success",
        digest=digest,
        trades=measures.orders,
        realized_pnl=float(result.equity[-1] - result.start_capital),
        market_dates=len(result.days),
        strategy_dates=measures.rebalances,
        max_drawdown=_deepest_fall(result),
        turnover=measures.turnover,
        metrics=_metrics(measures, pnl, result),
        capital=result.start_capital,
        first_day=int(result.days[0]),
        last_day=int(result.days[-1]),
        notes=tuple(faults.lines()),
    )


def _deepest_fall(result: PortfolioResult) -> float:
    path = np.concatenate([[result.start_capital], result.equity])
    return float((np.maximum.accumulate(path) - path).max())


def _metrics(measures: PortfolioMeasures, pnl: np.ndarray, result: PortfolioResult) -> dict[str, Any]:
    """Return the metrics of a job that an account has; ratios are of daily P&L, as those of every other job."""
    ratios = daily_ratios(pnl, capital=result.start_capital)
    metrics: dict[str, Any] = dict.fromkeys(JOB_METRIC_COLUMNS)
    metrics |= {
        "total_pnl": float(result.equity[-1] - result.start_capital),
        **ratios._asdict(),
        "max_drawdown_pct": measures.max_drawdown_pct,
    }
    return metrics
