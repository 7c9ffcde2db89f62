"""What the functions of a compiled strategy over bars take and give, from their annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from dbatch.engine.signature import must_be_global
from dbatch.errors import StrategyError
from dbatch.sim import Account, Bar, BarOrder
from dbatch.strategies import BarStrategy


@dataclass(frozen=True)
class BarSignature:
    """Params and State as annotated, Values too (None without indicators), and the functions themselves by role."""

    params_type: type[tuple[Any, ...]]
    state_type: type[tuple[Any, ...]]
    values_type: type[tuple[Any, ...]] | None
    functions: dict[str, Any]


def bar_signature_of(strategy: BarStrategy) -> BarSignature:
    """Return what the functions of `strategy` take and give.

    Raises StrategyError when they are not compiled, annotated and placed as the contract asks.
    """
    functions = {"start": strategy.start, "on_bar": strategy.on_bar}
    for function in functions.values():
        if not hasattr(function, "py_func"):
            raise StrategyError(f"{function!r} must be compiled with @njit(inline='always')")
        must_be_global(function.py_func, function)
    try:
        return _agreed(functions, len(strategy.indicators))
    except (KeyError, AttributeError, TypeError, ValueError, NameError) as error:
        values = f"values: Values (a NamedTuple of {len(strategy.indicators)} floats), " if strategy.indicators else ""
        raise StrategyError(
            f"strategy {strategy.on_bar.py_func.__module__!r}: annotate start(params: Params) -> State and "
            f"on_bar(params: Params, state: State, bar: Bar, {values}account: Account) -> tuple[State, BarOrder], "
            "Params and State NamedTuples"
        ) from error


def _agreed(functions: dict[str, Any], indicators: int) -> BarSignature:
    """Return the signature of functions that agree with each other; any of five errors when they do not."""
    params_type, state_type = get_type_hints(functions["start"].py_func).values()
    *taken, given = get_type_hints(functions["on_bar"].py_func).values()
    values_type = taken[3] if indicators else None
    expected = [params_type, state_type, Bar, *([values_type] if indicators else []), Account]
    agreed = taken == expected and get_origin(given) is tuple and get_args(given) == (state_type, BarOrder)
    agreed = agreed and functions["on_bar"].py_func.__code__.co_argcount == len(expected)
    if not agreed or not hasattr(params_type, "_fields") or not hasattr(state_type, "_fields"):
        raise TypeError
    if values_type is not None and list(get_type_hints(values_type).values()) != [float] * indicators:
        raise TypeError
    return BarSignature(params_type, state_type, values_type, functions)
