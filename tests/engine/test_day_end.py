"""What a compiled strategy does when a day is over, and what the engine asks of the function that does it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

from dbatch.data.blocks import NO_EVENTS, EventBlock
from dbatch.engine import compiled
from dbatch.engine.compile_faults import compile_fault
from dbatch.engine.job import JobResult, Seen, run_job, run_jobs
from dbatch.engine.signature import signature_of
from dbatch.errors import StrategyError
from dbatch.sim import DatedFill, Event, Fill
from dbatch.strategies import EventStrategy
from dbatch.strategies.event import EventOrder

HOUR = 3_600 * 1_000_000_000
DAY = 24 * HOUR


class Parameters(NamedTuple):
    price: float = 1.0
    order: str = "source"


class Params(NamedTuple):
    price: float


class State(NamedTuple):
    """Events of the day so far, the time of its first, and phases begun."""

    events: int
    first: int
    phases: int


def bind(parameters: Parameters) -> Params:
    return Params(parameters.price)


def order(parameters: Parameters) -> EventOrder:
    return parameters.order


@njit(inline="always")
def start(params: Params) -> State:
    return State(0, 0, 0)


@njit(inline="always")
def on_phase(params: Params, state: State, day: int, phase: int) -> State:
    return State(state.events, state.first, state.phases + 1)


@njit(inline="always")
def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    """Buy the event's volume."""
    first = event.timestamp if state.events == 0 else state.first
    return State(state.events + 1, first, state.phases), (Fill(event.price, event.volume, 0.0, 0, 0.0),)


@njit(inline="always")
def on_day_end(params: Params, state: State, is_last: bool) -> tuple[State, tuple[DatedFill, DatedFill]]:
    """Sell as many shares as the day had events, dated as the first; then ten for each phase on the last day."""
    sold = Fill(params.price, -state.events, 0.0, 0, 0.0)
    last = Fill(params.price, -10 * state.phases if is_last else 0, 0.0, 0, 0.0)
    return State(0, 0, state.phases), (DatedFill(state.first, sold), DatedFill(state.first, last))


@njit(inline="always")
def undated(params: Params, state: State, is_last: bool) -> tuple[State, tuple[Fill]]:
    return state, (Fill(1.0, 1, 0.0, 0, 0.0),)


@njit(inline="always")
def without_flag(params: Params, state: State) -> tuple[State, tuple[DatedFill]]:
    return state, (DatedFill(0, Fill(1.0, 1, 0.0, 0, 0.0)),)


@njit(inline="always")
def two_for_one(params: Params, state: State, is_last: bool) -> tuple[State, tuple[DatedFill]]:
    dated = DatedFill(0, Fill(1.0, 1, 0.0, 0, 0.0))
    return state, (dated, dated)


STRATEGY = EventStrategy(Parameters, bind, start, on_event, on_phase=on_phase, on_day_end=on_day_end, order=order)


def events(*times: int) -> EventBlock:
    rows = len(times)
    return EventBlock(np.array(times), np.zeros(rows, np.int8), np.ones(rows), np.full(rows, 7))


THREE_DAYS = events(1, 5, DAY + 2, 4 * DAY, 4 * DAY, 4 * DAY + 9)
EXPECTED = [(1, 7), (5, 7), (1, -2), (DAY + 2, 7), (DAY + 2, -1), *[(4 * DAY, 7)] * 2, (4 * DAY + 9, 7), (4 * DAY, -3)]


def fills(*blocks: EventBlock, **section: Any) -> list[tuple[int, int]]:
    return pairs(run_job(STRATEGY, "ABC", section, blocks))


def pairs(result: JobResult) -> list[tuple[int, int]]:
    return list(zip(result.fills.timestamps.tolist(), result.fills.quantities.tolist(), strict=True))


def cut(block: EventBlock, *places: int) -> list[EventBlock]:
    edges = [0, *places, len(block)]
    return [block.rows(slice(first, last)) for first, last in pairwise(edges)]


def test_a_day_ends_before_the_first_event_of_the_next_and_the_last_one_after_all_events() -> None:
    assert fills(THREE_DAYS) == [*EXPECTED, (4 * DAY, -30)]


@pytest.mark.parametrize("places", [(1,), (2,), (3,), (2, 2, 3), (1, 2, 3, 4, 5), (6,), (0,)])
def test_a_day_ends_once_wherever_events_are_cut(places: Sequence[int]) -> None:
    assert fills(*cut(THREE_DAYS, *places)) == fills(THREE_DAYS)


def test_without_an_event_no_day_ends() -> None:
    assert fills() == fills(NO_EVENTS) == []


@pytest.mark.parametrize("room", [3, 4, 5])
def test_fills_of_a_days_end_find_room_when_there_is_hardly_any(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fills(THREE_DAYS)
    monkeypatch.setattr(compiled, "FILL_ROOM", room)
    assert fills(THREE_DAYS) == expected


def test_sets_of_parameters_that_want_different_orders_get_what_each_gets_alone() -> None:
    mixed = events(DAY + 2, 5, 1, DAY, 5)
    sections = [{"order": how, "price": price} for price in (1.0, 2.0) for how in ("time", "source", "unstable_time")]
    together = run_jobs(STRATEGY, sections, cut(mixed, 2))
    alone = [run_job(STRATEGY, "ABC", section, cut(mixed, 3)) for section in sections]
    assert [each.fills.digest() for each in together] == [each.fills.digest() for each in alone]
    assert len({each.fills.digest() for each in alone}) > 2
    assert pairs(alone[0])[:4] == [(1, 7), (5, 7), (5, 7), (1, -3)]


def test_whoever_watches_sees_the_end_of_the_last_day_after_the_last_block() -> None:
    seen: list[tuple[int, list[int]]] = []

    def watch(each: Seen) -> None:
        assert each.fills is not None
        seen.append((len(each.block), each.fills.quantities.tolist()))

    run_job(STRATEGY, "ABC", {}, cut(events(1, 2, 3), 2), watch=watch)
    assert seen == [(2, [7, 7]), (1, [7]), (0, [-3, -10])]


@pytest.mark.parametrize("function", [undated, without_flag, lambda params, state, is_last: (state, ())])
def test_a_function_of_another_form_is_refused(function: Any) -> None:
    with pytest.raises(StrategyError) as caught:
        signature_of(dataclasses.replace(STRATEGY, on_day_end=function))
    told = "on_day_end(params: Params, state: State, is_last: bool) -> tuple[State, tuple[DatedFill, ...one a fill]]"
    assert told in str(caught.value) or "must be compiled with @njit" in str(caught.value)


def test_more_fills_than_are_annotated_are_told_with_the_line() -> None:
    told = compile_fault(dataclasses.replace(STRATEGY, on_day_end=two_for_one), TypeError())
    assert told is not None
    assert "two_for_one returns" in told
    assert "with 1 fill as annotated" in told
