"""For each test of the contract a strategy that breaks it: every check can fail, and says what to do."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import pandas as pd
import pytest
from annotated_types import Gt
from faulty_handlers import (
    BadDefault,
    Bare,
    State,
    at_each_trade,
    create_adding_handler,
    create_daily_handler,
    create_eager_handler,
    create_forgetful_handler,
    create_generous_handler,
    create_idle_handler,
    create_last_row_handler,
    create_random_handler,
    create_remembering_handler,
    create_renaming_handler,
    create_sharing_handler,
    create_signless_handler,
    create_sorting_handler,
    create_sound_handler,
    create_unpicklable_handler,
    create_unpriced_handler,
    create_zero_handler,
    declaring,
    make_sound,
)

from dbatch.errors import ConfigError
from dbatch.strategies import OrderBook
from dbatch.testing import StrategyContract, ticks_of
from dbatch.testing.contract import contract_tests
from dbatch.testing.market import synthetic_ticks

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
