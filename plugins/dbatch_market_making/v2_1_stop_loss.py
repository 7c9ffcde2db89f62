"""v2_price_follow_qty_cooldown with a stop: a loss beyond a share of the cost basis closes the position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from numba import njit

from dbatch.sim import TRADE, Book, Event, Fill, Position, execute, is_quoted, mid_price, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.following import follow_both
from dbatch_market_making.parameters import Limits, StopLossParameters, limits
from dbatch_market_making.quoting import Quote, fill_quotes, no_quote, restart
from dbatch_market_making.session import SESSION, Desk, begin_event, begin_phase, new_desk, with_position

SMALLEST_COST = 1e-6
MARGIN = 1e-9


class Params(NamedTuple):
    """The limits, and the loss in per cent of the cost basis that triggers the stop."""

    limits: Limits
    stop_loss_pct: float


class Stop(NamedTuple):
    """`cost` of the position in currency, kept apart from its entry price; `pending` signed shares to trade out of."""

    cost: float
    pending: int


class State(NamedTuple):
    """The desk, its two quotes and its stop."""

    desk: Desk
    bid: Quote
    ask: Quote
    stop: Stop


def bind(parameters: StopLossParameters) -> Params:
    """Return `parameters` as scalars."""
    return Params(limits(parameters), float(parameters.stop_loss_threshold_pct))


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first event."""
    return State(new_desk(), no_quote(), no_quote(), Stop(0.0, 0))


@njit(inline="always")
def on_phase(params: Params, state: State, day: int, phase: int) -> State:
    """Return the state before the first event of a phase of a day."""
    return State(begin_phase(state.desk, day, phase), state.bid, state.ask, state.stop)


@njit(inline="always")
def cost_after(cost: float, before: int, fill: Fill) -> float:
    """Return the cost basis after `fill`, for `before` shares held: added to, scaled down, or begun anew."""
    after = fill.position
    if fill.quantity == 0:
        return cost
    if after == 0:
        return 0.0
    if before == 0 or (before > 0) != (after > 0):
        return fill.price * abs(after)
    if abs(after) > abs(before):
        return cost + fill.price * (abs(after) - abs(before))
    return cost * (abs(after) / abs(before))


@njit(inline="always")
def loss_pct(position: Position, cost: float, price: float) -> float:
    """Return the unrealised P&L at `price` in per cent of the cost basis; 0.0 when there is next to none."""
    if abs(cost) < SMALLEST_COST:
        return 0.0
    average = abs(cost) / abs(position.shares)
    return ((price - average) * position.shares / abs(cost)) * 100.0


@njit(inline="always")
def is_far_from_stop(position: Position, cost: float, price: float, stop_loss_pct: float) -> bool:
    """Return whether the loss at `price` is within the stop by more than rounding can amount to.

    Nearly always it is. To ask this first spares the two divisions of `loss_pct` at each event.
    """
    basis = abs(cost)
    gain = price * position.shares - (basis if position.shares > 0 else -basis)
    return gain > basis * (MARGIN - stop_loss_pct * (0.01 - 0.01 * MARGIN))


@njit(inline="always")
def trigger(stop: Stop, book: Book, position: Position, stop_loss_pct: float) -> Stop:
    """Return `stop`, pending for the whole position when its loss at the mid is beyond the threshold."""
    if stop.pending != 0 or position.shares == 0 or not is_quoted(book.bid) or not is_quoted(book.ask):
        return stop
    mid = mid_price(book)
    if is_far_from_stop(position, stop.cost, mid, stop_loss_pct):
        return stop
    if loss_pct(position, stop.cost, mid) < -stop_loss_pct:
        return Stop(stop.cost, -position.shares)
    return stop


@njit(inline="always")
def trade_out(stop: Stop, book: Book, position: Position) -> tuple[Stop, Position, Fill]:
    """Return stop and position after taking what is displayed against a pending stop, and the fill.

    It outlives the end-of-day flatten: the published rule, under which it would trade from flat the next day.
    """
    if stop.pending == 0:
        return stop, position, no_fill()
    level = book.bid if stop.pending < 0 else book.ask
    if not is_quoted(level):
        return stop, position, no_fill()
    quantity = max(stop.pending, -level.quantity) if stop.pending < 0 else min(stop.pending, level.quantity)
    before = position.shares
    position, fill = execute(position, quantity, level.price)
    return Stop(cost_after(stop.cost, before, fill), stop.pending - quantity), position, fill


@njit(inline="always")
def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, Fill, Fill]]:
    """Return the state after `event` and its fills, in order of execution."""
    desk, flattened, quoting = begin_event(state.desk, event)
    if not quoting:
        bid, ask = restart(params.limits.refill, state.bid, state.ask, flattened, event.timestamp)
        stop = Stop(0.0 if flattened.quantity != 0 else state.stop.cost, state.stop.pending)
        return State(desk, bid, ask, stop), (flattened, no_fill(), no_fill())
    stop = trigger(state.stop, desk.book, desk.position, params.stop_loss_pct)
    stop, position, first = trade_out(stop, desk.book, desk.position)
    desk = with_position(desk, position)
    bid, ask = restart(params.limits.refill, state.bid, state.ask, first, event.timestamp)
    if stop.pending != 0:
        return State(desk, bid, ask, stop), (first, no_fill(), no_fill())
    bid, ask = follow_both(params.limits, desk.book, desk.position.shares, bid, ask, event.timestamp)
    if event.kind != TRADE:
        return State(desk, bid, ask, stop), (first, no_fill(), no_fill())
    before = position.shares
    position, bid, ask, second, third = fill_quotes(params.limits.refill, position, bid, ask, event)
    if second.quantity != 0 or third.quantity != 0:
        cost = cost_after(cost_after(stop.cost, before, second), before + second.quantity, third)
        stop = Stop(cost, stop.pending)
    return State(with_position(desk, position), bid, ask, stop), (first, second, third)


def create_v2_1_stop_loss_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=StopLossParameters, bind=bind, start=start, on_phase=on_phase, on_event=on_event, session=SESSION
    )
