"""A strategy that cannot be compiled fails one test of its contract, not all of them with the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import SkipTest

import pytest
from numba import njit

from dbatch.errors import HandlerError, StrategyError
from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy
from dbatch.testing import StrategyContract, backtest, bench, ticks_of

RAN = ("test_it_trades_on_these_events", "test_fills_add_up", "test_runs_at_the_same_time_do_not_touch")


class Parameters(NamedTuple):
    pass


class State(NamedTuple):
    seen: int


@njit(inline="always")
def start(params: Parameters) -> State:
    return State(0)


@njit(inline="always")
def fill_alone(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, no_fill()


@njit(inline="always")
def fill_unset(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    if event.volume > 0:
        fill = no_fill()
    return state, (fill,)


def create_not_compiled_handler(config: object) -> EventStrategy:
    return EventStrategy(Parameters, lambda given: given, start, fill_alone)


def create_refused_handler(config: object) -> EventStrategy:
    return EventStrategy(Parameters, lambda given: given, start, fill_unset)


def create_forgetful_handler(config: object) -> Callable[..., None]:
    return lambda security, chunk, orderbook, state: None


@pytest.fixture(autouse=True)
def nothing_told_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_NOT_COMPILED", set())


def endings(factory: Any) -> list[type[Exception]]:
    """Return what three tests of the contract raise, one after the other."""
    contract = type("TestIt", (StrategyContract,), {"factory": staticmethod(factory)})()
    raised = []
    for name in RAN:
        with pytest.raises((HandlerError, StrategyError, SkipTest)) as caught:
            getattr(contract, name)()
        raised.append(caught.type)
    return raised


@pytest.mark.parametrize(
    ("factory", "first"), [(create_not_compiled_handler, HandlerError), (create_refused_handler, StrategyError)]
)
def test_after_the_test_that_says_why_the_others_are_skipped(factory: Any, first: type[Exception]) -> None:
    assert endings(factory) == [first, SkipTest, SkipTest]


def test_a_plain_handler_that_breaks_the_contract_fails_every_test() -> None:
    assert endings(create_forgetful_handler) == [HandlerError] * 3


def test_a_test_of_its_author_fails_all_the_same() -> None:
    endings(create_not_compiled_handler)
    with pytest.raises(HandlerError, match="fill_alone returns"):
        backtest(create_not_compiled_handler, ticks_of("10:00 bid 10.00 5"))
