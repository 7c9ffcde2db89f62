"""From target weights to an account: orders, costs, and equity marked to market on every day.

1. On the first trading day of each period, after its close, `weigh` gets the features of the securities that traded
   on that day. Whoever did not has no weight.
2. On the next trading day of the universe it is traded, at the open (of data with closes alone, which have the close
   for an open, at the close). Equity there is cash and shares at these prices; the target is weight x equity / price
   shares, a fraction of a share too; the order is what is missing to it. Who does not trade on that day keeps what
   there is.
3. Each order costs its value x (commission + half the spread + impact), each once, taken from cash.
4. At every close equity is cash and shares at the last close so far. Nothing is paid for cash, nor for being short.

A period whose weights are all 0.0 closes everything, and so does one that finds no equity left; one before any feature
exists orders nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.errors import HandlerError
from dbatch.portfolio.strategy import PortfolioStrategy, Trading
from dbatch.portfolio.universe import Universe

_BPS: Final = 1e-4


class Orders(NamedTuple):
    """Orders as they were executed, by day and security: arrays of one length.

    `days` int64 since 1970, `securities` int64 positions in the universe, `shares` float64 (below 0.0 sold), `prices`
    and the three costs float64 currency.
    """

    days: np.ndarray
    securities: np.ndarray
    shares: np.ndarray
    prices: np.ndarray
    commissions: np.ndarray
    spreads: np.ndarray
    impacts: np.ndarray


@dataclass(frozen=True)
class PortfolioResult:
    """What a strategy did with a universe.

    `days` int64 since 1970 and `equity`, `cash`, `long_value`, `short_value` (float64 currency, after each close; the
    last below 0.0) have one length, beginning with the first day of the window. `signal_days` int64 and `weights`
    float64 (signals x securities) are the targets as they were asked for.
    """

    names: tuple[str, ...]
    start_capital: float
    days: np.ndarray
    equity: np.ndarray
    cash: np.ndarray
    long_value: np.ndarray
    short_value: np.ndarray
    signal_days: np.ndarray
    weights: np.ndarray
    orders: Orders


def run_portfolio(
    universe: Universe,
    strategy: PortfolioStrategy,
    parameters: Any,
    *,
    start_day: int | None = None,
    end_day: int | None = None,
) -> PortfolioResult:
    """Return what `strategy` does with `universe` from `start_day` to `end_day` (inclusive, days since 1970).

    Days before the window are known to the features alone; days after it are not looked at. Raises HandlerError for
    weights that are not one finite number for each security that traded.
    """
    trading = strategy.trading(parameters)
    first = 0 if start_day is None else int(np.searchsorted(universe.days, start_day))
    end = len(universe.days) if end_day is None else int(np.searchsorted(universe.days, end_day + 1))
    signals = np.flatnonzero((universe.signal_rows >= first) & (universe.signal_rows < end))
    rows = universe.signal_rows[signals]
    weights = np.zeros((len(signals), len(universe.names)))
    has_begun = np.zeros(len(signals), bool)
    for at, (signal, row) in enumerate(zip(signals.tolist(), rows.tolist(), strict=True)):
        traded = np.flatnonzero(~np.isnan(universe.closes[row]))
        values = universe.features[signal, traded]
        has_begun[at] = not np.isnan(values).all()
        weights[at, traded] = _checked(strategy.weigh(values, parameters), len(traded), universe.days[row])
    due = {int(row) + 1: at for at, row in enumerate(rows) if has_begun[: at + 1].any()}
    account = _Account(universe, trading, weights)
    for row in range(first, end):
        account.day(row, due.get(row))
    equity, cash, long_value, short_value = np.array(account.closes_of_day).reshape(-1, 4).T
    return PortfolioResult(
        names=universe.names,
        start_capital=trading.start_capital,
        days=universe.days[first:end],
        equity=equity,
        cash=cash,
        long_value=long_value,
        short_value=short_value,
        signal_days=universe.days[rows],
        weights=weights,
        orders=account.orders(),
    )


def _checked(weights: np.ndarray, traded: int, day: int) -> np.ndarray:
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (traded,) or not np.isfinite(weights).all():
        date = np.datetime64(int(day), "D")
        raise HandlerError(
            f"weights on {date}: must be a finite number for each of the {traded} securities, of shape ({traded},)"
        )
    return weights


class _Account:
    """Cash and shares, day by day."""

    def __init__(self, universe: Universe, trading: Trading, weights: np.ndarray) -> None:
        self._universe = universe
        self._trading = trading
        self._weights = weights
        self._cash = trading.start_capital
        self._shares = np.zeros(len(universe.names))
        self._last = np.zeros(len(universe.names))
        self._orders: list[tuple[int, int, float, float, float, float, float]] = []
        self.closes_of_day: list[tuple[float, float, float, float]] = []

    def day(self, row: int, signal: int | None) -> None:
        """Go through one day: what is due is traded at its opens, and all is marked at its closes."""
        if signal is not None:
            self._rebalance(row, self._weights[signal])
        closes = self._universe.closes[row]
        self._last = np.where(np.isnan(closes), self._last, closes)
        values = self._shares * self._last
        long_value = math.fsum(values[values > 0.0].tolist())
        short_value = math.fsum(values[values < 0.0].tolist())
        equity = math.fsum([self._cash, *values.tolist()])
        self.closes_of_day.append((equity, self._cash, long_value, short_value))

    def _rebalance(self, row: int, weights: np.ndarray) -> None:
        opens = self._universe.opens[row]
        marks = np.where(np.isnan(opens), self._last, opens)
        equity = math.fsum([self._cash, *(self._shares * marks).tolist()])
        if equity <= 0.0:
            weights = np.zeros(len(weights))
        flows = [self._cash]
        for security in np.flatnonzero(~np.isnan(opens)).tolist():
            price = float(opens[security])
            shares = float(weights[security]) * equity / price - float(self._shares[security])
            if shares == 0.0:
                continue
            value = abs(shares) * price
            rates = (self._trading.commission_bps, self._trading.half_spread_bps, self._trading.impact_bps)
            commission, half_spread, impact = (value * rate * _BPS for rate in rates)
            flows += [-shares * price, -commission, -half_spread, -impact]
            self._shares[security] += shares
            day = int(self._universe.days[row])
            self._orders.append((day, security, shares, price, commission, half_spread, impact))
        self._cash = math.fsum(flows)

    def orders(self) -> Orders:
        """Return all orders so far."""
        columns = list(zip(*self._orders, strict=True)) or [()] * 7
        kinds = (np.int64, np.int64, *[np.float64] * 5)
        return Orders(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))
