"""What a compiled strategy's functions take and give, from their annotations."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, get_type_hints

from dbatch.errors import StrategyError
from dbatch.sim import DatedFill, Fill
from dbatch.strategies import EventStrategy


@dataclass(frozen=True)
class Signature:
    """Params and State as annotated, how many fills an event and a day's end may have, and the functions themselves."""

    params_type: type[tuple[Any, ...]]
    state_type: type[tuple[Any, ...]]
    fills: int
    day_end_fills: int
    functions: dict[str, Any]


def signature_of(strategy: EventStrategy) -> Signature:
    """Return what the functions of `strategy` take and give; `functions` holds those that it has, by their role.

    Raises StrategyError when they are not compiled, annotated and placed as the contract asks.
    """
    roles = ("start", "on_phase", "on_event", "on_day_end")
    optional = ("on_phase", "on_day_end")
    functions = {role: getattr(strategy, role) for role in roles}
    functions = {role: function for role, function in functions.items() if function is not None or role not in optional}
    for function in functions.values():
        if not hasattr(function, "py_func"):
            raise StrategyError(f"{function!r} must be compiled with @njit(inline='always')")
        must_be_global(function.py_func, function)
    try:
        return _agreed(functions)
    except (KeyError, AttributeError, TypeError, ValueError, NameError) as error:
        also = ""
        if strategy.on_phase is not None:
            also = ", on_phase(params: Params, state: State, day: int, phase: int) -> State"
        if strategy.on_day_end is not None:
            ends = "tuple[State, tuple[DatedFill, ...one a fill]]"
            also += f", on_day_end(params: Params, state: State, is_last: bool) -> {ends}"
        raise StrategyError(
            f"strategy {strategy.on_event.py_func.__module__!r}: annotate start(params: Params) -> State and "
            "on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, ...one a fill]]"
            f"{also}, Params and State NamedTuples"
        ) from error


def must_be_global(named: Any, value: Any) -> None:
    """Raise StrategyError for what the generated module could not find again by its name."""
    if getattr(sys.modules.get(named.__module__), named.__qualname__, None) is not value:
        raise StrategyError(f"{named.__module__}.{named.__qualname__} must stand at the top level of its module")


def _agreed(functions: dict[str, Any]) -> Signature:
    """Return the signature of functions that agree with each other; any of five errors when they do not."""
    params_type, first_state = get_type_hints(functions["start"].py_func).values()
    hints = get_type_hints(functions["on_event"].py_func)
    state_type, fills = hints["return"].__args__
    agreed = list(hints.values())[:2] == [params_type, state_type] and first_state is state_type
    agreed = agreed and functions["on_event"].py_func.__code__.co_argcount == 3
    if "on_phase" in functions:
        of_phase = list(get_type_hints(functions["on_phase"].py_func).values())
        agreed = agreed and of_phase == [params_type, state_type, int, int, state_type]
    dated = _dated_fills(functions, params_type, state_type)
    tuples = hasattr(params_type, "_fields") and hasattr(state_type, "_fields")
    if not agreed or not tuples or not fills.__args__ or any(fill is not Fill for fill in fills.__args__):
        raise TypeError
    return Signature(params_type, state_type, len(fills.__args__), dated, functions)


def _dated_fills(functions: dict[str, Any], params_type: Any, state_type: Any) -> int:
    """Return how many fills the end of a day may have; raises TypeError for a function that is annotated otherwise."""
    if "on_day_end" not in functions:
        return 0
    *given, returned = get_type_hints(functions["on_day_end"].py_func).values()
    first, fills = returned.__args__
    dated = fills.__args__ and all(fill is DatedFill for fill in fills.__args__)
    if given != [params_type, state_type, bool] or first is not state_type or not dated:
        raise TypeError
    return len(fills.__args__)
