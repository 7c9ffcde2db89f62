"""For each test of the contract a strategy that breaks it: every check can fail, and says what to do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import pandas as pd
import pytest
from annotated_types import Gt
from numba import njit

from dbatch.errors import ConfigError
from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy, OrderBook
from dbatch.testing import StrategyContract, ticks_of
from dbatch.testing.contract import contract_tests
from dbatch.testing.market import synthetic_ticks

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


# The faults.


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
        handler.parameters = parameters  # type: ignore[attr-defined]
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
            if row.type == "trade" and row.price > orderbook.get_best_bid()[0]:  # type: ignore[index]
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


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    yield
    SEEN_BEFORE.clear()
    NOW.clear()


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


ROWS = synthetic_ticks().iloc[300:900].reset_index(drop=True)


def contract_of(factory: Any, **attributes: Any) -> StrategyContract:
    """Return a contract for `factory`, with few events for the sake of speed."""

    def ticks(self: StrategyContract) -> pd.DataFrame:
        return ROWS

    made: StrategyContract = type("Made", (StrategyContract,), {"factory": factory, "ticks": ticks, **attributes})()
    return made


BROKEN = {
    "test_the_factory_has_its_name_and_makes_a_handler": [
        (make_sound, "the factory is called make_sound, must be create_make_sound_handler or create_handler"),
        (lambda config: at_each_trade(), "the factory is called <lambda>"),
    ],
    "test_declared_parameters_are_complete": [
        (declaring(Bare), "without unit or description: size, limit; declare each as Annotated"),
        (declaring(BadDefault), "Parameters: default.size: must be int > 0, is 0"),
    ],
    "test_it_trades_on_these_events": [
        (create_idle_handler, "no fill in 600 events: set parameters, or override ticks(), so that it trades")
    ],
    "test_the_same_events_give_the_same_result": [
        (create_random_handler, "a second run over the same events differs: "),
        (create_random_handler, "; seed random numbers from the security's name and a parameter"),
    ],
    "test_events_are_left_as_they_are": [
        (create_sorting_handler, "chunk 0: row 0: 'price' is "),
        (create_renaming_handler, "chunk 0: column 'price' is gone; work on a copy"),
        (create_adding_handler, "chunk 0: has 593 rows, had 592"),
    ],
    "test_without_usable_events_nothing_is_filled": [
        (create_unpriced_handler, "rows without time or price: 402 fills, position 402; must be none"),
    ],
    "test_any_event_may_come_first": [
        (create_zero_handler, "the first of 1 events was a trade: fill 0 is at 0.0"),
    ],
    "test_where_chunks_are_cut_changes_nothing": [
        (create_last_row_handler, "all 600 rows at once, against chunks of 1: "),
        (create_forgetful_handler, "carry in `state` what the next chunk needs"),
    ],
    "test_runs_after_each_other_do_not_touch": [
        (create_remembering_handler, "TEST again, after another security: "),
    ],
    "test_runs_at_the_same_time_do_not_touch": [
        (create_sharing_handler, "TEST alone, against by turns with another security: "),
    ],
    "test_fills_follow_the_schema": [(create_unpriced_handler, "fill_price is nan, must be a finite number")],
    "test_fills_add_up": [
        (create_signless_handler, "fill 1: sell 100 after 100 gives 0, its position is 100"),
        (create_generous_handler, "fill 0: realized_pnl adds up to 0.0, its pnl is 1.0"),
    ],
    "test_fills_happen_at_the_times_of_events": [
        (create_daily_handler, "fill 0 is at 2025-01-06 00:00:00, when there is no event"),
    ],
    "test_the_result_pickles": [(create_unpicklable_handler, "state['rule'] is function: ")],
}


def test_every_test_of_the_contract_has_a_strategy_that_breaks_it() -> None:
    assert list(BROKEN) == list(contract_tests())


@pytest.mark.parametrize(
    ("name", "factory", "said"),
    [(name, factory, said) for name, faults in BROKEN.items() for factory, said in faults],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else None,
)
def test_a_broken_contract_fails_its_test_and_says_how(name: str, factory: Any, said: str) -> None:
    with pytest.raises(AssertionError) as caught:
        getattr(contract_of(factory), name)()

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


class TestSound(StrategyContract):
    """On the contract's own events."""

    factory = create_sound_handler


def test_a_factory_that_returns_nothing_is_told_so() -> None:
    def create_nothing_handler(config: object) -> None: ...

    with pytest.raises(AssertionError, match="returned NoneType, must be a handler function or an EventStrategy"):
        contract_of(create_nothing_handler).test_the_factory_has_its_name_and_makes_a_handler()


def test_what_a_handler_raises_says_which_event_came_first() -> None:
    with pytest.raises(TypeError) as caught:
        contract_of(create_eager_handler).test_any_event_may_come_first()

    assert caught.value.__notes__ == ["the first of 1 events was a trade"]


def test_new_columns_are_welcome() -> None:
    def create_valuing_handler(config: object) -> Callable[..., State]:
        def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
            chunk["value"] = chunk["price"] * chunk["volume"]
            return state

        return handler

    contract_of(create_valuing_handler).test_events_are_left_as_they_are()


def test_a_change_of_an_earlier_chunk_is_found() -> None:
    def create_late_handler(config: object) -> Callable[..., State]:
        def handler(security: str, chunk: pd.DataFrame, orderbook: OrderBook, state: State) -> State:
            if "chunk" in state:
                state["chunk"].loc[2, "volume"] = -1
            return {"chunk": chunk}

        return handler

    with pytest.raises(AssertionError, match="chunk 0: row 2: 'volume' is -1, was "):
        StrategyContract.test_events_are_left_as_they_are(
            contract_of(create_late_handler, ticks=lambda self: synthetic_ticks())
        )


def test_a_leak_between_securities_is_not_taken_for_chance() -> None:
    contract_of(create_remembering_handler).test_the_same_events_give_the_same_result()


def test_a_leak_between_runs_at_the_same_time_is_not_seen_one_after_the_other() -> None:
    contract_of(create_sharing_handler).test_runs_after_each_other_do_not_touch()


def test_shared_random_numbers_are_as_they_were() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)

    contract_of(create_sound_handler).test_the_same_events_give_the_same_result()

    assert random.random() == expected


def test_parameters_reach_the_runs() -> None:
    fault = contract_of(declaring(BadDefault), parameters={"size": "ten"})

    with pytest.raises(ConfigError, match=r"TEST\.size: must be int > 0, is 'ten'"):
        fault.test_it_trades_on_these_events()


def test_required_parameters_may_come_from_the_contract() -> None:
    class Required(NamedTuple):
        size: Annotated[int, Gt(0), "shares", "size of an order"]

    contract_of(declaring(Required), parameters={"size": 5}).test_declared_parameters_are_complete()
    with pytest.raises(AssertionError, match="size: is required"):
        contract_of(declaring(Required)).test_declared_parameters_are_complete()


def test_a_handler_without_declared_parameters_has_none_to_complete() -> None:
    contract_of(create_sound_handler).test_declared_parameters_are_complete()


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_few_events_are_enough_for_every_test(rows: int) -> None:
    lines = ("10:00 trade 10.00", "10:01 bid 10.00", "10:02 ask 10.01", "10:03 trade 10.01", "10:04 trade 10.02")
    contract = contract_of(create_sound_handler, ticks=lambda self: ticks_of(*lines[:rows]))

    for name in contract_tests():
        if rows or name != "test_it_trades_on_these_events":
            getattr(contract, name)()
