from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from dbatch.data.bars import BarBlock, bar_block
from dbatch.errors import DataError, HandlerError
from dbatch.portfolio import PortfolioStrategy, Trading
from dbatch.portfolio.account import PortfolioResult, run_portfolio
from dbatch.portfolio.measures import daily_pnl, portfolio_measures
from dbatch.portfolio.universe import first_of_period, security_days, universe_of

DAY = 86_400 * 10**9
NONE = float("nan")


class Parameters(NamedTuple):
    """A weight for every security."""

    weights: tuple[float, ...] = (1.0,)
    trading: Trading = Trading("D", 1000.0)


def strategy(shape: Any = None) -> PortfolioStrategy:
    def weigh(values: np.ndarray, parameters: Parameters) -> np.ndarray:
        return np.array(parameters.weights[: len(values)])

    def close(bars: BarBlock, name: str) -> np.ndarray:
        return bars.closes[:shape] if shape is not None else bars.closes

    return PortfolioStrategy(
        Parameters, lambda parameters: ("close",), close, weigh, lambda parameters: parameters.trading
    )


def account(
    prices: dict[str, list[float]], opens: dict[str, list[float]] | None = None, **options: Any
) -> PortfolioResult:
    """The account over closes by security, NaN on days without a bar; opens are the closes where not given."""
    parameters = Parameters(**options)
    securities = []
    for name, closes in prices.items():
        days = [day for day, close in enumerate(closes) if close == close]
        own = [closes[day] for day in days]
        first = own if opens is None else [opens[name][day] for day in days]
        bars = bar_block(np.array(days) * DAY, np.array(first), *[np.array(own)] * 3, np.zeros(len(own)))
        securities.append(security_days(name, bars, strategy(), parameters))
    return run_portfolio(universe_of(securities, parameters.trading.rebalance), strategy(), parameters)


def test_shares_are_weight_times_equity_by_price_and_equity_is_marked_every_day() -> None:
    found = account({"AA": [10.0, 20.0, 25.0]})
    # day 1: 1000 / 20 = 50 shares; day 2: worth 1250, 50 shares are 1.0 x equity still
    assert found.equity.tolist() == [1000.0, 1000.0, 1250.0]
    assert found.orders.shares.tolist() == [50.0]
    assert found.cash.tolist() == [1000.0, 0.0, 0.0]


def test_trades_are_at_the_next_open_and_marks_at_the_close() -> None:
    found = account({"AA": [10.0, 20.0, 25.0]}, {"AA": [9.0, 16.0, 25.0]})
    assert found.orders.prices[0] == 16.0
    assert found.equity.tolist() == [1000.0, 1250.0, 1562.5]


def test_each_cost_is_charged_once_of_the_value_traded() -> None:
    trading = Trading("M", 1000.0, commission_bps=10.0, half_spread_bps=20.0, impact_bps=30.0)
    found = account({"AA": [10.0, 10.0, 10.0]}, trading=trading)
    assert found.equity.tolist() == pytest.approx([1000.0, 994.0, 994.0])
    costs = (found.orders.commissions[0], found.orders.spreads[0], found.orders.impacts[0])
    assert costs == pytest.approx((1.0, 2.0, 3.0))


def test_a_short_side_gains_when_prices_fall() -> None:
    found = account({"AA": [10.0, 10.0, 8.0]}, weights=(-0.5,), trading=Trading("M", 1000.0))
    assert found.equity.tolist() == [1000.0, 1000.0, 1100.0]
    assert found.short_value.tolist() == [0.0, -500.0, -400.0]
    assert found.cash.tolist() == [1000.0, 1500.0, 1500.0]


def test_who_does_not_trade_on_the_day_of_execution_keeps_what_there_is() -> None:
    found = account({"AA": [10.0, 10.0, 10.0, 10.0], "BB": [5.0, NONE, 5.0, NONE]}, weights=(0.5, 0.5))
    assert [found.names[at] for at in found.orders.securities[found.orders.days == 1]] == ["AA"]


def test_a_position_without_a_price_is_marked_at_its_last_one() -> None:
    found = account(
        {"AA": [10.0, 10.0, 11.0, NONE], "BB": [5.0, 5.0, 5.0, 5.0]}, weights=(1.0, 0.0), trading=Trading("M", 1000.0)
    )
    assert found.equity.tolist() == [1000.0, 1000.0, 1100.0, 1100.0]


def test_who_lost_everything_is_closed_and_trades_no_more() -> None:
    found = account({"AA": [10.0, 10.0, 35.0, 40.0, 50.0]}, weights=(-1.0,))
    assert found.equity.tolist() == [1000.0, 1000.0, -1500.0, -1500.0, -1500.0]


def test_the_first_trading_day_of_a_month_counts_not_its_first_date() -> None:
    days = np.array(
        [np.datetime64(day, "D").astype(int) for day in ("2022-09-30", "2022-10-03", "2022-10-04", "2022-11-02")]
    )
    assert first_of_period(days, "M").tolist() == [0, 1, 3]


def test_weeks_begin_on_monday_or_the_day_after_a_holiday() -> None:
    days = np.array(
        [np.datetime64(day, "D").astype(int) for day in ("2022-09-02", "2022-09-06", "2022-09-07", "2022-09-12")]
    )
    assert first_of_period(days, "W").tolist() == [0, 1, 3]


def test_two_bars_on_a_day_are_refused() -> None:
    bars = bar_block(np.array([0, DAY // 2]), *[np.ones(2)] * 5)
    with pytest.raises(DataError, match="AA: two bars on 1970-01-01"):
        security_days("AA", bars, strategy(), Parameters())


def test_a_feature_of_another_length_is_refused() -> None:
    bars = bar_block(np.array([0, DAY]), *[np.ones(2)] * 5)
    with pytest.raises(HandlerError, match="feature 'close' of AA"):
        security_days("AA", bars, strategy(1), Parameters())


def test_weights_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(HandlerError, match="weights on 1970-01-01"):
        account({"AA": [10.0, 11.0]}, weights=(NONE,))


def test_measures_are_of_the_whole_account() -> None:
    found = account({"AA": [10.0, 10.0, 12.0, 9.0]}, trading=Trading("M", 1000.0, commission_bps=0.0))
    measures = portfolio_measures(found)
    assert daily_pnl(found).tolist() == [0.0, 0.0, 200.0, -300.0]
    assert measures.total_return_pct == pytest.approx(-10.0)
    assert measures.max_drawdown_pct == pytest.approx(25.0)
    assert (measures.turnover, measures.orders, measures.rebalances) == (1000.0, 1, 1)
    returns = np.array([0.0, 0.0, 0.2, -0.25])
    assert measures.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5)
