"""Enters in the closing auction away from the VWAP before it, and leaves at that VWAP on the days after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from numba import njit

from dbatch.sim import ASK, BID, DAY, SECOND, TRADE, DatedFill, Event, Fill, Position, execute, flat, no_fill
from dbatch.strategies import EventStrategy
from dbatch_closing.auction import NO_CLOSE, Close, Entries, Vwap, enter, no_entries, place, with_print
from dbatch_closing.exits import Exit, exit_by_trade, stop_loss
from dbatch_closing.parameters import Parameters, Params, bind, event_order
from dbatch_closing.tick_sizes import round_to_tick
from dbatch_closing.trading_day import AUCTION, CALL, CONTINUOUS, CONTINUOUS_BEGINS, SESSION, STOPPABLE
from dbatch_closing.trend import Trend, no_trend, with_trade

HOUR: Final = 3_600.0 * SECOND


class Today(NamedTuple):
    """What begins anew with each date."""

    vwap: Vwap
    trend: Trend
    entries: Entries
    close: Close


class State(NamedTuple):
    """What is carried from event to event; `bid` and `ask` are the best prices, 0.0 before the first of either.

    They are never cleared, not even overnight. `day` is the date of the last event. Where there is a position there
    is an exit order for all of it.
    """

    bid: float
    ask: float
    position: Position
    exit: Exit
    day: int
    today: Today


@njit(inline="always")
def new_day() -> Today:
    """Return a date before its first event."""
    return Today(Vwap(0.0, 0), no_trend(), no_entries(), Close(NO_CLOSE, 0.0, 0))


@njit(inline="always")
def start(params: Params) -> State:
    """Return the state before the first event."""
    return State(0.0, 0.0, flat(), Exit(0.0, 0), 0, new_day())


@njit(inline="always")
def on_phase(params: Params, state: State, day: int, phase: int) -> State:
    """Return the state before the first event of a phase: with that of the call the day's orders are placed.

    Rule 6 of the published order. There are none while a position waits for its exit.
    """
    today = state.today
    if phase == CALL and state.position.shares == 0:
        today = Today(today.vwap, today.trend, place(params, today.vwap, today.trend), today.close)
    return State(state.bid, state.ask, state.position, state.exit, day, today)


@njit(inline="always")
def with_trade_of(params: Params, today: Today, event: Event) -> Today:
    """Return the day after a trade: rules 2 (trend), 5 (VWAP) and 7 (auction) of the published order."""
    time = event.timestamp - event.day * DAY
    if event.phase == AUCTION:
        return Today(today.vwap, today.trend, today.entries, with_print(today.close, event))
    if event.phase >= CALL:
        return today
    trend = today.trend
    vwap = today.vwap
    if event.phase >= CONTINUOUS:
        trend = with_trade(trend, (time - CONTINUOUS_BEGINS) / HOUR, event.price)
    if time >= params.vwap_from:
        vwap = Vwap(vwap.value + event.price * event.volume, vwap.volume + event.volume)
    return Today(vwap, trend, today.entries, today.close)


@njit(inline="always")
def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    """Return the state after `event`, and the fills of the stop and of the exit order.

    Rules in the published order: 1 a quote with a price becomes the best of its side, whatever its volume; 3 the stop,
    at any event; 4 the exit order, at a trade. A row whose price is not above zero marks the passing of time alone.
    """
    bid = event.price if event.kind == BID and event.price > 0.0 else state.bid
    ask = event.price if event.kind == ASK and event.price > 0.0 else state.ask
    position = state.position
    today = state.today
    stopped = no_fill()
    left = no_fill()
    if event.phase == STOPPABLE:
        position, stopped = stop_loss(position, bid, ask, params.stop_loss_pct)
    if event.kind == TRADE and event.price > 0.0:
        if CONTINUOUS <= event.phase < CALL and state.exit.first_day <= event.day:
            position, left = exit_by_trade(position, state.exit, event.price, event.volume)
        today = with_trade_of(params, today, event)
    return State(bid, ask, position, state.exit, event.day, today), (stopped, left)


@njit(inline="always")
def on_day_end(params: Params, state: State, is_last: bool) -> tuple[State, tuple[DatedFill, DatedFill, DatedFill]]:
    """Return the state after a date, and the fills of its auction: buy, sell, and the flatten of an older position.

    Rule 0 of the published order: nothing without a closing price. On the last date of all there are no orders.
    A position that was due by this date and is still there goes at the closing price, whatever the volume.
    """
    position = state.position
    order = state.exit
    close = state.today.close
    entries = state.today.entries
    buy = no_fill()
    sell = no_fill()
    flattened = no_fill()
    if close.timestamp != NO_CLOSE:
        if position.shares != 0 and order.first_day <= state.day:
            position, flattened = execute(position, -position.shares, close.price)
        elif not is_last:
            position, buy, sell = enter(params, entries, close, position)
            order = Exit(round_to_tick(entries.vwap, params.exchange), state.day + 1)
    fills = (DatedFill(close.timestamp, buy), DatedFill(close.timestamp, sell), DatedFill(close.timestamp, flattened))
    return State(state.bid, state.ask, position, order, state.day, new_day()), fills


def create_closing_strategy_handler(config: Mapping[str, Mapping[str, object]]) -> EventStrategy:
    """Return the compiled strategy; the engine binds each security's parameters."""
    return EventStrategy(
        parameters=Parameters,
        bind=bind,
        start=start,
        on_phase=on_phase,
        on_event=on_event,
        on_day_end=on_day_end,
        order=event_order,
        session=SESSION,
        view="complete",
    )
