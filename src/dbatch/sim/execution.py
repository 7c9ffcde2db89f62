"""How orders over bars are executed: size, price, costs, and what a stop does inside a bar.

A bar tells its open, high, low and close, not which came first. The rules, each the same for shorts mirrored:

1. An order is decided at a bar's close. It fills there, or at the next bar's open.
2. What protects a position looks at each bar after its fill; the bar at whose open it filled is the first.
3. An open beyond the stop (or the profit) closes at the open. Else a low at the stop or below closes at the stop, a
high
   at the profit or above at the profit. When a bar touches both, the stop is taken, or the profit where
   `Execution.profit_first` says so.
4. A trailing stop follows the best high so far by a fixed distance, from the next bar on: it never uses the bar's own
   high against its own low.
5. A stop pays spread and slippage as any order; a profit is a limit order and pays the spread alone.
6. With `Execution.closes_alone` a stop or a profit looks at closes instead, and one that a close has reached closes at
   its own price, however far beyond the close lies, as backtests over rows of quotes book it; the stop comes first.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from dbatch.sim.bars import Bar, BarOrder
from dbatch.sim.position import Fill, Position, execute, flat, no_fill


class Execution(NamedTuple):
    """Settings of the execution. Shares of a price or a value are 0.01 for one per cent.

    `capital` currency to begin with. `at_close`: fill at the close that decides, else at the next open. A full size is
    `fraction` of the equity at that close, in whole units, or `units` where `fraction` is 0; at least `least_units`.
    `long` and `short`: which sides are allowed. `spread` in currency between bid and ask, of which each fill pays half;
    `slippage` share of the price; `commission` share of the value; `per_unit` currency, then at least `least_fee` a
    fill and at most `fee_cap` of its value (0 for no cap, which wins over the least). `stop`, `profit`, `trail`: shares
    of the price at which the position was entered, 0 for none. `closes_alone`: rule 6 instead of rule 3.
    """

    capital: float
    at_close: bool
    fraction: float
    units: int
    least_units: int
    long: bool
    short: bool
    spread: float
    slippage: float
    commission: float
    per_unit: float
    least_fee: float
    fee_cap: float
    stop: float
    profit: float
    trail: float
    profit_first: bool
    closes_alone: bool = False


class Desk(NamedTuple):
    """What is held: the position and its P&L, `cash` (capital and realised P&L, added up fill by fill), the target that
    was reached last, and what protects the position: the prices of its stop and of its profit, NaN for none, and the
    distance by which the stop trails, 0.0 for none.
    """

    position: Position
    cash: float
    target: float
    stop: float
    profit: float
    trail: float


NO_PRICE = float("nan")

ROUNDING = 1e-12
"""A close that is nearer than this share of itself to a stop by rule 6 has reached it: quotes lie on a grid."""


@njit(inline="always")
def opened(execution: Execution) -> Desk:
    """Return the desk before the first bar."""
    return Desk(flat(), execution.capital, 0.0, NO_PRICE, NO_PRICE, 0.0)


@njit(inline="always")
def is_protected(desk: Desk) -> bool:
    """Return whether there is a position with a stop or a profit to take."""
    return desk.stop == desk.stop or desk.profit == desk.profit


@njit(inline="always")
def equity_at(desk: Desk, price: float) -> float:
    """Return the cash and what the open position has earned at `price`, in currency."""
    return desk.cash + desk.position.shares * (price - desk.position.entry)


@njit(inline="always")
def is_news(execution: Execution, desk: Desk, order: BarOrder) -> bool:
    """Return whether `order` asks for another position than the one that was reached last."""
    return order.acts and allowed(execution, order.target) != desk.target


@njit(inline="always")
def allowed(execution: Execution, target: float) -> float:
    """Return `target`, or 0.0 where its side is not allowed."""
    if (target > 0.0 and not execution.long) or (target < 0.0 and not execution.short):
        return 0.0
    return target


@njit(inline="always")
def settled(execution: Execution, order: BarOrder) -> BarOrder:
    """Return `order` with the target that is allowed."""
    return BarOrder(order.acts, allowed(execution, order.target), order.stop, order.profit, order.trail)


@njit(inline="always")
def units_of(execution: Execution, target: float, equity: float, price: float) -> int:
    """Return the signed units of a position of `target` full sizes, sized at `price` in currency."""
    if target == 0.0:
        return 0
    size = abs(target)
    units = int(size * execution.fraction * equity / price)
    if execution.fraction == 0.0:
        units = int(size * execution.units)
    units = max(units, execution.least_units, 0)
    return units if target > 0.0 else -units


@njit(inline="always")
def fee(execution: Execution, units: int, price: float) -> float:
    """Return the commission of a fill of `units` (of any sign) at `price`, in currency."""
    size = abs(units)
    value = size * price
    paid = execution.per_unit * size
    if execution.per_unit > 0.0 or execution.least_fee > 0.0:
        paid = max(paid, execution.least_fee)
        if execution.fee_cap > 0.0:
            paid = min(paid, execution.fee_cap * value)
    return paid + execution.commission * value


@njit(inline="always")
def paid_price(execution: Execution, price: float, units: int, slips: bool) -> float:
    """Return what `units` signed cost, or bring, where the market stands at `price`."""
    side = 1.0 if units > 0 else -1.0
    if slips:
        price = price * (1.0 + side * execution.slippage)
    return price + side * (execution.spread * 0.5)


@njit(inline="always")
def trade(execution: Execution, desk: Desk, units: int, price: float, slips: bool) -> tuple[Desk, Fill]:
    """Return `desk` after `units` signed were traded where the market stands at `price`, and the fill to record.

    Commission comes off the fill's own P&L. The target and what protects the position are left as they were.
    """
    if units == 0:
        return desk, no_fill()
    paid = paid_price(execution, price, units, slips)
    position, fill = execute(desk.position, units, paid)
    realized = fill.realized - fee(execution, units, paid)
    pnl = desk.position.realized + realized
    position = Position(position.shares, position.entry, pnl)
    after = Desk(position, desk.cash + realized, desk.target, desk.stop, desk.profit, desk.trail)
    return after, Fill(fill.price, fill.quantity, realized, fill.position, pnl)


@njit(inline="always")
def protected(execution: Execution, desk: Desk, order: BarOrder, price: float) -> Desk:
    """Return `desk` with what protects the position that `order` opened where the market stood at `price`."""
    if desk.position.shares == 0:
        return Desk(desk.position, desk.cash, order.target, NO_PRICE, NO_PRICE, 0.0)
    side = 1.0 if desk.position.shares > 0 else -1.0
    stop = order.stop if order.stop > 0.0 else execution.stop * price
    profit = order.profit if order.profit > 0.0 else execution.profit * price
    trail = order.trail if order.trail > 0.0 else execution.trail * price
    if trail > 0.0 and (stop == 0.0 or trail < stop):
        stop = trail
    return Desk(
        desk.position,
        desk.cash,
        order.target,
        price - side * stop if stop > 0.0 else NO_PRICE,
        price + side * profit if profit > 0.0 else NO_PRICE,
        trail,
    )


@njit(inline="always")
def fill_order(execution: Execution, desk: Desk, order: BarOrder, units: int, price: float) -> tuple[Desk, Fill]:
    """Return `desk` with the position of `units` signed that `order` asks for, and the fill, at `price`.

    A position that goes on in the same direction keeps what protects it.
    """
    goes_on = desk.position.shares != 0 and (desk.position.shares > 0) == (units > 0) and units != 0
    after, fill = trade(execution, desk, units - desk.position.shares, price, True)
    if goes_on:
        return Desk(after.position, after.cash, order.target, after.stop, after.profit, after.trail), fill
    return protected(execution, after, order, price), fill


@njit(inline="always")
def exit_price(execution: Execution, desk: Desk, bar: Bar) -> tuple[float, bool]:
    """Return the price at which `bar` closes the position by rule 3 or 6, NaN for not at all; whether by its stop."""
    side = 1.0 if desk.position.shares > 0 else -1.0
    if execution.closes_alone:
        if (bar.close - desk.stop) * side <= ROUNDING * bar.close:
            return desk.stop, True
        return (desk.profit if (bar.close - desk.profit) * side >= -ROUNDING * bar.close else NO_PRICE), False
    worst = bar.low if side > 0.0 else bar.high
    best = bar.high if side > 0.0 else bar.low
    if (bar.open - desk.stop) * side <= 0.0:
        return bar.open, True
    if (bar.open - desk.profit) * side >= 0.0:
        return bar.open, False
    stopped = (worst - desk.stop) * side <= 0.0
    earned = (best - desk.profit) * side >= 0.0
    if stopped and not (earned and execution.profit_first):
        return desk.stop, True
    return (desk.profit if earned else NO_PRICE), False


@njit(inline="always")
def protect(execution: Execution, desk: Desk, bar: Bar) -> tuple[Desk, Fill]:
    """Return `desk` after what protects its position looked at `bar`, and the fill, if it closed it."""
    price, by_stop = exit_price(execution, desk, bar)
    if price == price:
        after, fill = trade(execution, desk, -desk.position.shares, price, by_stop)
        return Desk(after.position, after.cash, 0.0, NO_PRICE, NO_PRICE, 0.0), fill
    if desk.trail == 0.0:
        return desk, no_fill()
    stop = max(desk.stop, bar.high - desk.trail) if desk.position.shares > 0 else min(desk.stop, bar.low + desk.trail)
    return Desk(desk.position, desk.cash, desk.target, stop, desk.profit, desk.trail), no_fill()
