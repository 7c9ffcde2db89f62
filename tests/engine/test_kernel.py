"""The generated loop: what it asks of a strategy, and what it carries between calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine import compiled
from dbatch.engine.job import JobResult, run_job
from dbatch.engine.kernel import compile_kernel, flatten
from dbatch.errors import HandlerError, StrategyError
from dbatch.sim import Event, Fill, Level, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.v1_baseline import create_v1_baseline_handler
from dbatch_market_making.v2_1_stop_loss import create_v2_1_stop_loss_handler

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
BID, ASK, TRADE = 0, 1, 2


# What it asks of a strategy.


class Params(NamedTuple):
    size: int


class State(NamedTuple):
    seen: int


class WithText(NamedTuple):
    seen: int
    label: str


class WithMaybe(NamedTuple):
    level: Level
    limit: float | None


class Deeper(NamedTuple):
    inner: WithMaybe


@njit(inline="always")
def start(params: Params) -> State:
    return State(0)


@njit(inline="always")
def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def start_bare(params):
    return State(0)


@njit(inline="always")
def on_event_bare(params, state, event):
    return state, (no_fill(),)


@njit(inline="always")
def on_event_one_fill(params: Params, state: State, event: Event) -> tuple[State, Fill]:
    return state, no_fill()


@njit(inline="always")
def on_event_any_fills(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, ...]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_no_fills(params: Params, state: State, event: Event) -> tuple[State, tuple[int, int]]:
    return state, (0, 0)


@njit(inline="always")
def on_event_state_alone(params: Params, state: State, event: Event) -> State:
    return state


@njit(inline="always")
def on_event_without_event(params: Params, state: State) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_unknown_name(params: Params, state: State, event: Event) -> tuple[Missing, tuple[Fill]]:  # noqa: F821 - the mistake
    return state, (no_fill(),)


@njit(inline="always")
def start_with_text(params: Params) -> WithText:
    return WithText(0, "")


@njit(inline="always")
def start_deeper(params: Params) -> Deeper:
    return Deeper(WithMaybe(Level(0.0, 0), None))


@njit(inline="always")
def start_number(params: Params) -> int:
    return 0


@njit(inline="always")
def on_event_number(params: Params, state: int, event: Event) -> tuple[int, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_of_text(params: WithText, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_misspelt(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.sean), (no_fill(),)


@njit(inline="always")
def on_event_text(params: Params, state: WithText, event: Event) -> tuple[WithText, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_deeper(params: Params, state: Deeper, event: Event) -> tuple[Deeper, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def start_of_text(params: WithText) -> State:
    return State(0)


def strategy_of(start: Any, on_event: Any) -> EventStrategy:
    return EventStrategy(parameters=Params, bind=lambda given: given, start=start, on_event=on_event)


@pytest.mark.parametrize(
    ("begin", "react"),
    [
        (start_bare, on_event),
        (start, on_event_bare),
        (start, on_event_one_fill),
        (start, on_event_any_fills),
        (start, on_event_no_fills),
        (start, on_event_state_alone),
        (start, on_event_without_event),
        (start, on_event_unknown_name),
        (start_number, on_event_number),
        (start, on_event_text),
        (start_of_text, on_event),
    ],
)
def test_functions_not_annotated_as_asked_are_refused_with_what_is_asked(begin: Any, react: Any) -> None:
    with pytest.raises(StrategyError) as caught:
        compile_kernel(strategy_of(begin, react))
    assert f"strategy {__name__!r}: annotate start(params: Params) -> State and on_event(" in str(caught.value)


@pytest.mark.parametrize(("begin", "react"), [(start.py_func, on_event), (start, on_event.py_func), (start, None)])
def test_functions_that_are_not_compiled_are_refused(begin: Any, react: Any) -> None:
    with pytest.raises(StrategyError, match="must be compiled with @njit"):
        compile_kernel(strategy_of(begin, react))


@pytest.mark.parametrize(
    ("begin", "react", "field"),
    [
        (start_with_text, on_event_text, "WithText.label is <class 'str'>"),
        (start_deeper, on_event_deeper, "WithMaybe.limit is float | None"),
        (start_of_text, on_event_of_text, "WithText.label is <class 'str'>"),
    ],
)
def test_a_field_that_is_no_scalar_is_named(begin: Any, react: Any, field: str) -> None:
    with pytest.raises(StrategyError) as caught:
        compile_kernel(strategy_of(begin, react))
    assert str(caught.value) == f"{field}, must be int, float, bool or a NamedTuple of them"


def test_a_function_inside_another_is_refused() -> None:
    @njit(inline="always")
    def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
        return state, (no_fill(),)

    with pytest.raises(StrategyError, match="must stand at the top level of its module"):
        compile_kernel(strategy_of(start, on_event))


def test_what_numba_cannot_compile_is_one_line_with_its_file() -> None:
    block = EventBlock(np.zeros(1, "int64"), np.zeros(1, "int8"), np.ones(1), np.ones(1, "int64"))
    strategy = strategy_of(start, on_event_misspelt)

    with pytest.raises(HandlerError) as caught:
        run_job(strategy, "AAA", {"size": 1}, [block])

    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{__file__}:")


@pytest.mark.parametrize("given", [5, Level(1.0, 2), None])
def test_parameters_of_another_type_than_annotated_are_refused(given: Any) -> None:
    with pytest.raises(HandlerError, match="must give Params"):
        flatten(given, Params)


class Flags(NamedTuple):
    on: bool
    level: Level
    share: float


def test_nested_scalars_are_flattened_field_by_field() -> None:
    assert flatten(Flags(True, Level(10.5, 300), 2), Flags) == ([1, 300], [10.5, 2.0])


# What it carries between calls.


def every_row_fills(rows: int, *, rows_a_day: int = 10**9) -> EventBlock:
    """Return bids at 10.00 and trades just as large through them, in turn: with no refill time each trade fills."""
    number = np.arange(rows)
    kinds = np.where(number % 2 == 0, BID, TRADE).astype(np.int8)
    day = 20_192 + number // rows_a_day
    times = day * DAY + (36_000 + number % rows_a_day % 17_000) * SECOND
    prices = 10.0 - number % 7 / 100.0 * (kinds == TRADE)
    return EventBlock(times, kinds, prices, np.where(kinds == BID, 100, 150).astype(np.int64))


BUSY = {"refill_interval_sec": 0, "min_local_currency_before_quote": 0.0, "quote_size": 50}
STOPPED = {**BUSY, "stop_loss_threshold_pct": 0.01}


def run(strategy: EventStrategy, section: dict[str, Any], *blocks: EventBlock) -> JobResult:
    return run_job(strategy, "ABC", section, blocks)


def same(one: JobResult, other: JobResult) -> bool:
    facts = [
        (result.fills.digest(), result.position, result.realized_pnl, result.market_dates, result.rows)
        for result in (one, other)
    ]
    return facts[0] == facts[1]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_state_is_carried_across_many_small_calls(rows: int) -> None:
    block = every_row_fills(401, rows_a_day=40)
    pieces = [block.rows(slice(first, first + rows)) for first in range(0, 401, rows)]
    for create, section in ((create_v1_baseline_handler, BUSY), (create_v2_1_stop_loss_handler, STOPPED)):
        whole = run(create({}), section, block)
        assert len(whole.fills) > 100
        assert same(run(create({}), section, *pieces), whole)


def test_a_job_begins_anew_whatever_ran_before_it() -> None:
    strategy = create_v1_baseline_handler({})
    block = every_row_fills(100)
    assert same(run(strategy, BUSY, block), run(strategy, BUSY, block))


@pytest.mark.parametrize("room", [2, 3, 5, 64])
def test_more_fills_than_there_is_room_for_in_one_call_are_all_kept(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    block = every_row_fills(1_000)
    whole = run(create_v1_baseline_handler({}), BUSY, block)
    assert len(whole.fills) == 500

    monkeypatch.setattr(compiled, "FILL_ROOM", room)

    assert same(run(create_v1_baseline_handler({}), BUSY, block), whole)


@pytest.mark.parametrize("days", [511, 512, 513, 1_300])
def test_market_days_are_counted_past_what_one_call_has_room_for(days: int) -> None:
    block = every_row_fills(4 * days, rows_a_day=4)
    result = run(create_v1_baseline_handler({}), BUSY, block)
    assert (result.market_dates, len(result.fills)) == (days, 2 * days)


def test_a_day_is_counted_once_however_often_time_goes_back_to_it() -> None:
    days = np.array([20_192, 20_193, 20_192, 20_193, 20_192])
    rows = len(days)
    block = EventBlock(
        days * DAY + 36_000 * SECOND,
        np.full(rows, TRADE, np.int8),
        np.full(rows, 10.0),
        np.ones(rows, np.int64),
    )
    assert run(create_v1_baseline_handler({}), BUSY, block, block).market_dates == 2


def test_rows_without_time_or_a_price_above_zero_are_counted_and_not_seen() -> None:
    block = every_row_fills(4)
    block.timestamps[0] = NOT_A_TIME
    block.prices[1:3] = np.nan, 0.0
    result = run(create_v1_baseline_handler({}), BUSY, block)
    assert (result.rows, result.rows_skipped, result.market_dates, len(result.fills)) == (4, 3, 1, 0)


def test_the_loop_is_compiled_once_whatever_kind_of_arrays_come() -> None:
    strategy = create_v1_baseline_handler({})
    block = every_row_fills(64)
    frozen = EventBlock(*(column.copy() for column in block))
    for column in frozen:
        column.flags.writeable = False
    strided = EventBlock(*(np.repeat(column, 2)[::2] for column in block))

    for each in (block, frozen, strided, block.rows(slice(3, 40)), block.rows(np.ones(64, bool))):
        run_job(strategy, "AAA", {}, [each])

    assert len(compile_kernel(strategy).replay.signatures) == 1
