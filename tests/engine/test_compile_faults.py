"""What a user reads when his compiled strategy does not compile: his file, his line, what is wrong, what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

from dbatch.data.blocks import EventBlock
from dbatch.engine.compile_faults import compile_fault
from dbatch.engine.job import run_job
from dbatch.engine.numba_words import first_difference, in_words, kind_of
from dbatch.errors import HandlerError
from dbatch.sim import Event, Fill, Position, execute, flat, no_fill
from dbatch.strategies import EventStrategy

EVENTS = EventBlock(np.zeros(1, "int64"), np.zeros(1, "int8"), np.ones(1), np.ones(1, "int64"))
NUMBERS = "; a // b and int(x) are ints, 0.0 and float(x) floats"
SEEN = {"events": 1}
seen = 0


class Params(NamedTuple):
    size: int


class State(NamedTuple):
    position: Position
    bought: int


@njit(inline="always")
def start(params: Params) -> State:
    return State(flat(), 0)


@njit(inline="always")
def start_with_a_float(params: Params) -> State:
    return State(flat(), 0.0)


@njit(inline="always")
def half_a_share(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    position, fill = state.position, no_fill()
    if event.volume > 0:
        position, fill = execute(position, params.size / 2, event.price)
    return State(position, state.bought), (fill,)


@njit(inline="always")
def changed_global(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    global seen
    seen = seen + 1
    return state, (no_fill(),)


@njit(inline="always")
def changed_dict(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    SEEN["events"] = 2
    return state, (no_fill(),)


@njit(inline="always")
def field_set(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    state.bought = 1
    return state, (no_fill(),)


@njit(inline="always")
def field_forgotten(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position), (no_fill(),)


@njit(inline="always")
def field_misspelt(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, state.bougt), (no_fill(),)


@njit(inline="always")
def field_replaced(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state._replace(bought=1), (no_fill(),)


@njit(inline="always")
def field_of_another_type(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, state.bought + 0.5), (no_fill(),)


@njit(inline="always")
def fill_alone(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, Fill]]:
    return state, no_fill()


@njit(inline="always")
def state_alone(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state


@njit(inline="always")
def two_fills(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(), no_fill())


@njit(inline="always")
def nothing_returned(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    state.bought + 1


@njit(inline="always")  # noqa: RET503 - the mistake
def sometimes_nothing(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    if event.volume > 1:
        return state, (no_fill(),)


@njit(inline="always")
def argument_forgotten(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    position, fill = execute(state.position, params.size)
    return State(position, 0), (fill,)


@njit(inline="always")
def state_for_a_position(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    _, fill = execute(state, params.size, event.price)
    return state, (fill,)


@njit(inline="always")
def oddly_annotated(state: Nowhere) -> Nowhere:  # noqa: F821 - the mistake
    return state.bougt


@njit(inline="always")
def misspelt_in_a_helper(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, oddly_annotated(state)), (no_fill(),)


def not_compiled(shares: int) -> int:
    return shares


@njit(inline="always")
def plain_function(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, not_compiled(1)), (no_fill(),)


@njit(inline="always")
def text_compared(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, 1 if event.kind < "ask" else 2), (no_fill(),)


@njit(inline="always")
def divides(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return State(state.position, 1 // state.bought), (no_fill(),)


@njit(inline="always")
def keeps(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


def strategy_of(on_event: Any, begin: Any = start) -> EventStrategy:
    return EventStrategy(parameters=Params, bind=lambda given: given, start=begin, on_event=on_event)


def run(on_event: Any) -> object:
    return run_job(strategy_of(on_event), "AAA", {"size": 1}, [EVENTS])


def fault(on_event: Any, begin: Any = start) -> str | None:
    """Return what is said of a strategy; whatever its loop raised, it is looked at by itself."""
    return compile_fault(strategy_of(on_event, begin), ValueError("numba broke"))


def at(code: str) -> str:
    """Return this file and the number of its only line that is `code`, as a place."""
    lines = [line.strip() for line in Path(__file__).read_text().splitlines()]
    assert lines.count(code) == 1
    return f"{__file__}:{lines.index(code) + 1}"


def compiled(code: str, wrong: str, right: str = "") -> str:
    return f"{at(code)}: cannot be compiled: {wrong}, in `{code}`{right}"


FAULTS = {
    half_a_share: (
        "position, fill = execute(position, params.size / 2, event.price)",
        "Position.shares is float on one path and int on another, must be one type",
        NUMBERS,
    ),
    changed_global: (
        "seen = seen + 1",
        "a global cannot be changed in compiled code",
        "; keep it in State, as a field",
    ),
    changed_dict: (
        'SEEN["events"] = 2',
        "the global 'SEEN' is a dict, must be a number or a tuple of numbers, which never changes",
        "; what changes belongs into State",
    ),
    field_set: (
        "state.bought = 1",
        "'bought' of a State cannot be set",
        "; make a new one with all fields: State(position, bought)",
    ),
    field_forgotten: (
        "return State(state.position), (no_fill(),)",
        "State(...): missing a required argument: 'bought'",
        "; its fields are position, bought",
    ),
    field_misspelt: (
        "return State(state.position, state.bougt), (no_fill(),)",
        "State has no 'bougt'",
        "; it has position, bought",
    ),
    field_replaced: (
        "return state._replace(bought=1), (no_fill(),)",
        "_replace is not compiled",
        "; make a new one with all fields: State(position, bought)",
    ),
    argument_forgotten: (
        "position, fill = execute(state.position, params.size)",
        "missing a required argument: price",
        "; the arguments are position: Position, quantity: int, price: float",
    ),
    state_for_a_position: (
        "_, fill = execute(state, params.size, event.price)",
        "State has no 'shares'",
        "; it has position, bought",
    ),
    misspelt_in_a_helper: ("return state.bougt", "State has no 'bougt'", "; it has position, bought"),
    plain_function: (
        "return State(state.position, not_compiled(1)), (no_fill(),)",
        "'not_compiled' is a plain function, must be compiled too: @njit(inline=\"always\")",
    ),
    text_compared: (
        'return State(state.position, 1 if event.kind < "ask" else 2), (no_fill(),)',
        "numba has no lt(int8, str)",
    ),
}


@pytest.mark.parametrize("on_event", FAULTS, ids=lambda function: function.py_func.__name__)
def test_the_users_line_is_named_with_what_is_wrong_and_what_is_right(on_event: Any) -> None:
    assert fault(on_event) == compiled(*FAULTS[on_event])


@pytest.mark.parametrize("on_event", [half_a_share, changed_global, field_set])
def test_a_job_fails_with_that_line(on_event: Any) -> None:
    with pytest.raises(HandlerError) as caught:
        run(on_event)
    assert str(caught.value) == compiled(*FAULTS[on_event])


@pytest.mark.parametrize(
    ("on_event", "code", "told"),
    [
        (fill_alone, "return state, no_fill()", "(State, Fill), must return (State, (Fill, Fill)), with 2 fills"),
        (state_alone, "return state", "State, must return (State, (Fill,)), with 1 fill"),
        (
            two_fills,
            "return state, (no_fill(), no_fill())",
            "(State, (Fill, Fill)), must return (State, (Fill,)), with 1 fill",
        ),
    ],
)
def test_another_shape_of_what_is_returned_is_told_beside_the_right_one(on_event: Any, code: str, told: str) -> None:
    assert fault(on_event) == f"{at(code)}: {on_event.py_func.__name__} returns {told} as annotated"


def test_a_field_of_another_type_than_annotated_is_named() -> None:
    place = at("return State(state.position, state.bought + 0.5), (no_fill(),)")
    told = "field_of_another_type returns State.bought as float, must be int as annotated"
    assert fault(field_of_another_type) == f"{place}: {told}{NUMBERS}"


def test_start_is_looked_at_too() -> None:
    told = "start_with_a_float returns State.bought as float, must be int as annotated"
    assert fault(keeps, start_with_a_float) == f"{at('return State(flat(), 0.0)')}: {told}{NUMBERS}"


def test_a_forgotten_return_is_told() -> None:
    told = "nothing_returned ends without a return, must return (State, (Fill,)), with 1 fill as annotated"
    assert fault(nothing_returned) == f"{at('state.bought + 1')}: {told}"


def test_a_path_without_a_return_is_told_though_it_compiles_and_fails_at_an_event() -> None:
    with pytest.raises(HandlerError, match="sometimes_nothing ends without a return on some path, must return"):
        run(sometimes_nothing)


def test_what_a_compiled_loop_raises_itself_goes_on_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        run(divides)


def test_what_is_no_fault_of_the_strategy_is_not_told_as_one() -> None:
    assert fault(keeps) is None


def test_the_place_is_found_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert fault(field_misspelt) == compiled(*FAULTS[field_misspelt])


# Types as numba writes them.

FIELDS = {"State": ("position", "bought"), "Position": ("shares", "entry", "realized"), "Fill": ("price",)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("int64", "int"),
        ("Literal[int](1)", "int"),
        ("Literal[str](a, (b)", "str"),
        ("OptionalType(Position(int64, float64, float64))", "Position or None"),
        ("UniTuple(Fill(float64) x 2)", "(Fill, Fill)"),
        ("Tuple(State(Position(float64 x 3), int64), UniTuple(Fill(float64) x 1))", "(State, (Fill,))"),
        ("array(float64, 1d, C)", "array(float64, 1d, C)"),
        ("Tuple()", "()"),
    ],
)
def test_a_type_is_said_as_its_author_calls_it(text: str, words: str) -> None:
    assert str(kind_of(text, FIELDS)) == words


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("int64", "int64", None),
        ("int64", "float64", ("", "int", "float")),
        (
            "State(Position(float64 x 3), int64)",
            "State(Position(int64, float64, float64), int64)",
            ("State.position.shares", "float", "int"),
        ),
        ("Tuple(int64, Fill(int64))", "Tuple(int64, Fill(float64))", ("Fill.price", "int", "float")),
        ("State(Fill(int64), int64)", "State(int64 x 2)", ("State.position", "Fill", "int")),
        ("UniTuple(int64 x 2)", "Tuple(int64, float64)", ("", "int", "float")),
        ("UniTuple(int64 x 2)", "UniTuple(int64 x 1)", ("", "(int, int)", "(int,)")),
    ],
)
def test_the_first_difference_of_two_types_is_found(one: str, other: str, found: Any) -> None:
    assert first_difference(kind_of(one, FIELDS), kind_of(other, FIELDS), FIELDS) == found


def test_what_has_no_words_of_ours_is_said_in_numbas_without_the_steps_of_its_compiler() -> None:
    text = 'Failed in nopython mode pipeline (step: x)\nA thing is\nbroken.\n\nFile "a.py", line 3:\n  code'
    assert in_words(KeyError(text), {}).startswith("KeyError: ")
    assert in_words(RuntimeError(text), {}) == "RuntimeError: A thing is broken"


def test_what_is_said_has_an_end() -> None:
    assert len(in_words(RuntimeError("long " * 500), {})) == 300
