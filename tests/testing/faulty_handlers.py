"""Strategies of which each breaks one test of the contract, and a sound one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pandas as pd
from annotated_types import Gt
from numba import njit

from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy, OrderBook

State = dict[str, Any]
Step = Callable[[Any, pd.DataFrame, State], bool]


def record(state: State, row: Any, **changes: Any) -> None:
    """Book a fill at a row: a purchase of 100 shares when flat, else the sale of them."""
    held, entry = state.get("position", 0), state.get("entry", row.price)
    realized = (row.price - entry) * held
    state.update(position=100 - held, entry=row.price, pnl=state.get("pnl", 0.0) + realized)
    fill = {
        "timestamp": row.timestamp, "side": "sell" if held else "buy", "fill_price": row.price, "fill_qty": 100,
        "realized_pnl": realized, "position": 100 - held, "pnl": state["pnl"],
    }  # fmt: skip
    state.setdefault("trades", []).append({**fill, **changes})


def at_each_trade(wanted: Step = lambda row, chunk, state: True, **changes: Any) -> Callable[..., State]:
    """Return a handler that buys and sells by turns, at each trade at which `wanted` says so."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        for row in chunk.itertuples():
            if row.type == "trade" and wanted(row, chunk, state):
                record(state, row, **{name: change(row) for name, change in changes.items()})
        return state

    return handler


def create_sound_handler(config: object) -> Callable[..., State]:
    return at_each_trade()


def make_sound(config: object) -> Callable[..., State]:
    return at_each_trade()


class Bare(NamedTuple):
    size: Annotated[int, Gt(0), "shares"] = 100
    limit: float = 1.0


class BadDefault(NamedTuple):
    size: Annotated[int, Gt(0), "shares", "size of an order"] = 0


def declaring(parameters: type) -> Callable[[object], Callable[..., State]]:
    def create_declaring_handler(config: object) -> Callable[..., State]:
        handler = at_each_trade()
        handler.parameters = parameters
        return handler

    return create_declaring_handler


def create_idle_handler(config: object) -> Callable[..., State]:
    return at_each_trade(lambda row, chunk, state: False)


def create_random_handler(config: object) -> Callable[..., State]:
    return at_each_trade(lambda row, chunk, state: random.random() < 0.5)


def create_sorting_handler(config: object) -> Callable[..., State]:
    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        chunk["price"] = sorted(chunk["price"])
        return state

    return handler


def create_renaming_handler(config: object) -> Callable[..., State]:
    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        chunk.columns = ["timestamp", "type", "px", "volume"]
        return state

    return handler


def create_adding_handler(config: object) -> Callable[..., State]:
    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        chunk.loc[len(chunk)] = chunk.iloc[0]
        return state

    return handler


class NoParameters(NamedTuple):
    pass


class Params(NamedTuple):
    size: int


class Carried(NamedTuple):
    seen: int


def bind(parameters: NoParameters) -> Params:
    return Params(1)


@njit(inline="always")
def start(params: Params) -> Carried:
    return Carried(0)


@njit(inline="always")
def on_event(params: Params, state: Carried, event: Event) -> tuple[Carried, tuple[Fill]]:
    """Buy wherever a price is not above 0, which NaN never is."""
    fill = no_fill()
    if not event.price > 0.0:
        fill = Fill(event.price, params.size, 0.0, state.seen + params.size, 0.0)
        return Carried(state.seen + params.size), (fill,)
    return state, (fill,)


def create_unpriced_handler(config: object) -> EventStrategy:
    return EventStrategy(NoParameters, bind, start, on_event, view="complete")


def create_eager_handler(config: object) -> Callable[..., State]:
    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        for row in chunk.itertuples():
            orderbook.apply_update(row._asdict())
            if row.type == "trade" and row.price > orderbook.get_best_bid()[0]:
                record(state, row)
        return state

    return handler


def create_zero_handler(config: object) -> Callable[..., State]:
    """Buys at the bid's price, which it takes to be 0.0 where there is none."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        for row in chunk.itertuples():
            orderbook.apply_update(row._asdict())
            bid = orderbook.get_best_bid() or (0.0, 0)
            if row.type == "trade":
                record(state, row, fill_price=bid[0])
        return state

    return handler


def create_last_row_handler(config: object) -> Callable[..., State]:
    return at_each_trade(lambda row, chunk, state: bool(row.Index == chunk.index[-1]))


def create_forgetful_handler(config: object) -> Callable[..., State]:
    """Keeps the number of trades in a variable that begins anew in every chunk."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        for number, row in enumerate(chunk[chunk["type"] == "trade"].itertuples()):
            if number % 3 == 2:
                record(state, row)
        return state

    return handler


SEEN_BEFORE: set[str] = set()
NOW: State = {}


def create_remembering_handler(config: object) -> Callable[..., State]:
    """Does something else once another security has been there."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        SEEN_BEFORE.add(security)
        every = len(SEEN_BEFORE)
        for row in chunk[chunk["type"] == "trade"][::every].itertuples():
            record(state, row)
        return state

    return handler


def create_sharing_handler(config: object) -> Callable[..., State]:
    """Keeps its last price in a global that each run clears at its begin."""

    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        if not state:
            NOW.clear()
            state["begun"] = True
        for row in chunk[chunk["type"] == "trade"].itertuples():
            if row.price >= NOW.get("price", 0.0):
                record(state, row)
            NOW["price"] = row.price
        return state

    return handler


def create_signless_handler(config: object) -> Callable[..., State]:
    return at_each_trade(position=lambda row: 100)


def create_generous_handler(config: object) -> Callable[..., State]:
    return at_each_trade(pnl=lambda row: 1.0)


def create_daily_handler(config: object) -> Callable[..., State]:
    return at_each_trade(timestamp=lambda row: row.timestamp.normalize())


def create_unpicklable_handler(config: object) -> Callable[..., State]:
    def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
        state["rule"] = lambda price: price > 10
        return state

    return handler
