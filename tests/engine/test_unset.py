"""Variables that compiled code may read before they are set: refused before a loop is compiled, no false alarms."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from numba import njit

import dbatch.sim
import dbatch_market_making
from dbatch.engine.kernel import compile_kernel
from dbatch.engine.unset import may_be_unset, reached_functions, refuse_unset
from dbatch.errors import StrategyError
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.scaffold.package import rendered
from dbatch.sim import Event, Fill, no_fill
from dbatch.strategies import EventStrategy

HERE = __name__
AT = " is not set on every path to here, and would keep the value of an earlier event; set it before the first `if`"


def set_in_both(n):
    if n > 0:
        x, y = 1, 2
    else:
        x = y = 3
    return x + y


def set_in_one(n):
    if n > 0:
        x = 1
    return x  # x


def set_where_the_other_raises(n):
    if n > 0:
        x = 1
    else:
        raise ValueError
    return x


def set_in_a_loop(n):
    for i in range(n):
        x = i
    return x  # x


def set_in_an_endless_loop(n):
    while True:
        x = n
        if x > 3:
            break
    return x


def set_before_break_and_in_else(n):
    for i in range(n):
        if i == 2:
            x = i
            break
    else:
        x = 0
    return x


def set_by_the_round_before(n):
    for i in range(n):
        if i == 0:
            last, n = 0, 3
        else:
            last += n  # last
    return n


def set_in_try_and_except(n):
    try:
        x = 1 // n
    except ZeroDivisionError:
        x = 0
    return x


def set_in_try_only(n):
    try:
        x = 1 // n
    except ZeroDivisionError:
        n = 0
    return x  # x


def set_in_all_cases(n):
    match n:
        case 1:
            x = 1
        case _:
            x = 2
    return x


def set_in_some_cases(n):
    match n:
        case 1:
            x = 1
        case 2:
            x = 2
    return x  # x


def set_by_a_walrus_that_is_asked(n):
    if n > 2 and (x := n) > 1:
        return x
    return 0


def set_by_a_walrus_that_may_be_skipped(n):
    if n > 2 and (x := n) > 1:
        n = 0
    return x  # x


def set_by_unpacking(n):
    x, y = (1, 2) if n else (3, 4)
    x += y
    return x


def added_to_unset(n):
    if n > 0:
        x = 0
    x += 1  # x
    return x


def set_under_the_same_condition(n):
    if n > 0:
        x = 1
    if n > 0:
        return x  # x
    return 0


def comprehensions(n):
    return [x + 1 for x in range(n)]


def not_set_inside(n):
    def inner(k):
        if k > 0:
            x = 1
        return x  # x

    return inner(n)


def lines_of(function: Callable[..., Any]) -> set[tuple[str, int]]:
    """Return (variable, line) of the lines of `function` that end with a comment naming a variable."""
    lines = Path(__file__).read_text().splitlines()
    first = function.__code__.co_firstlineno
    last = max(line for *_, line in function.__code__.co_lines() if line is not None)
    marked = ((number, lines[number - 1].partition("  # ")[2]) for number in range(first, last + 3))
    return {(name, number) for number, name in marked if name}


OUTER = [value for name, value in list(globals().items()) if name.startswith(("set_", "added_", "comprehensions"))]


@pytest.mark.parametrize("function", OUTER, ids=lambda function: function.__name__)
def test_a_variable_is_found_where_a_path_leads_past_its_assignment(function: Callable[..., Any]) -> None:
    assert may_be_unset(function) == lines_of(function)


def test_a_function_inside_a_function_is_looked_at() -> None:
    ((_, line),) = lines_of(not_set_inside)
    with pytest.raises(StrategyError) as caught:
        refuse_unset([not_set_inside])
    assert str(caught.value) == f"{__file__}:{line}: 'x'{AT}"


def test_what_numba_cannot_read_is_left_to_its_compiler() -> None:
    def with_a_global(n):
        global HERE
        HERE = n
        if n:
            x = 1
        return x

    assert may_be_unset(with_a_global) == set()


# Strategies.


class Params(NamedTuple):
    size: int


class State(NamedTuple):
    seen: int


@njit(inline="always")
def start(params: Params) -> State:
    return State(0)


@njit(inline="always")
def helper(event: Event) -> Fill:
    if event.price > 0.0:
        fill = no_fill()
    return fill  # in helper


@njit(inline="always")
def unset(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    if event.price > 0.0:
        fill = no_fill()
    return state, (fill,)  # in unset


@njit(inline="always")
def unset_in_a_helper(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (helper(event),)


@njit(inline="always")
def unset_in_a_helper_of_its_module(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (this_module.helper(event),)


@njit(inline="always")
def all_set(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


this_module = sys.modules[__name__]


def strategy_of(on_event: Any) -> EventStrategy:
    return EventStrategy(parameters=Params, bind=lambda given: given, start=start, on_event=on_event)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels"


@pytest.mark.parametrize(
    ("on_event", "where"),
    [(unset, "in unset"), (unset_in_a_helper, "in helper"), (unset_in_a_helper_of_its_module, "in helper")],
)
def test_a_strategy_that_may_read_an_old_fill_is_refused_each_time(cache: Path, on_event: Any, where: str) -> None:
    lines = Path(__file__).read_text().splitlines()
    (line,) = (number for number, text in enumerate(lines, 1) if text.endswith(f"  # {where}"))
    for _ in range(2):
        with pytest.raises(StrategyError) as caught:
            compile_kernel(strategy_of(on_event))
        assert str(caught.value) == f"{__file__}:{line}: 'fill'{AT}"
    assert not cache.exists()


def test_what_a_strategy_does_not_name_is_not_looked_at(cache: Path) -> None:
    assert compile_kernel(strategy_of(all_set)).loop.state_ints == 1


def test_what_was_looked_at_once_is_not_looked_at_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr("dbatch.engine.unset.refuse_unset", lambda functions: looked.append(len(functions)))

    compile_kernel(strategy_of(all_set))
    compile_kernel(strategy_of(all_set))

    assert looked == [3]  # start, on_event, no_fill


def test_functions_of_other_modules_are_left_out() -> None:
    assert reached_functions([unset_in_a_helper], [__name__]) == [unset_in_a_helper.py_func, helper.py_func]
    assert reached_functions([unset_in_a_helper], ["elsewhere"]) == []


def compiled_functions(package: ModuleType) -> list[Callable[..., Any]]:
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return [value.py_func for module in modules for value in vars(module).values() if hasattr(value, "py_func")]


@pytest.mark.parametrize("package", [dbatch.sim, dbatch_market_making])
def test_there_is_no_false_alarm_on_the_building_blocks_and_built_in_strategies(package: ModuleType) -> None:
    functions = compiled_functions(package)
    assert len(functions) >= 10
    refuse_unset(functions)


def test_there_is_no_false_alarm_on_the_template(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "fresh.py"
    file.write_text(rendered("fresh", "compiled")["fresh/handler.py"])
    handler = make_handler(resolve("fresh", [str(file)]).ref, {})
    assert isinstance(handler, EventStrategy)
    assert compile_kernel(handler).replay
