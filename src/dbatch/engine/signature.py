"""What a compiled strategy's functions take and give, from their annotations."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, get_type_hints

from dbatch.errors import StrategyError
from dbatch.sim import Fill
from dbatch.strategies import EventStrategy


@dataclass(frozen=True)
class Signature:
    """Params and State as annotated, the number of fills that an event may have, and the functions themselves."""

    params_type: type[tuple[Any, ...]]
    state_type: type[tuple[Any, ...]]
    fills: int
    functions: dict[str, Any]


def signature_of(strategy: EventStrategy) -> Signature:
    """Return what the functions of `strategy` take and give; `functions` holds those that it has, by their role.

    Raises StrategyError when they are not compiled, annotated and placed as the contract asks.
    """
    functions = {"start": strategy.start, "on_phase": strategy.on_phase, "on_event": strategy.on_event}
    if strategy.on_phase is None:
        del functions["on_phase"]
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
    tuples = hasattr(params_type, "_fields") and hasattr(state_type, "_fields")
    if not agreed or not tuples or not fills.__args__ or any(fill is not Fill for fill in fills.__args__):
        raise TypeError
    return Signature(params_type, state_type, len(fills.__args__), functions)
