"""Why a compiled strategy does not compile: the line of the strategy, what is wrong there, what would be right.

The loop inlines everything, so what numba says of it is about the loop. Here `start`, `on_phase`, `on_event` and
`on_day_end`, or `start` and `on_bar`, are compiled each by itself, for the types that are annotated. That is done
after a failure only.
"""

from __future__ import annotations

import dis
import linecache
import os
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any, Final, NamedTuple, get_type_hints

import numba
from numba import njit, types
from numba.core import ir
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from dbatch.engine.bars.signature import BarSignature, bar_signature_of
from dbatch.engine.numba_words import Fields, first_difference, in_words, kind_of, number_hint
from dbatch.engine.signature import signature_of
from dbatch.engine.unset import named_values
from dbatch.sim import Account, Bar, BarOrder, DatedFill, Event, Fill
from dbatch.strategies import BarStrategy, EventStrategy

_LIBRARIES: Final = (Path(__file__).parents[1], Path(numba.__file__).parent)
_PLACE: Final = re.compile(r'File "([^"\n]+)", line (\d+)|(?:at|from) ((?:/|[A-Za-z]:)[^\n]*?\.py) \((\d+)\)')
_SCALARS: Final = {int: types.int64, float: types.float64, bool: types.boolean}
_LONGEST_LINE: Final = 120


def compile_fault(strategy: EventStrategy | BarStrategy, error: Exception) -> str | None:
    """Return in one line why compiling the loop of `strategy` raised `error`; None where it is no fault of its code."""
    alone = _fault_alone(strategy)
    if alone is not None or not isinstance(error, NumbaError):
        return alone
    functions = [ask.function for ask in _asks(strategy)]
    return _told(error, functions[-1].py_func, _fields_named(functions))


@lru_cache(maxsize=32)
def _fault_alone(strategy: EventStrategy | BarStrategy) -> str | None:
    """Return the first fault of the functions of `strategy`, compiled for the types of their annotations."""
    linecache.checkcache()
    asks = _asks(strategy)
    fields = _fields_named(ask.function for ask in asks)
    for dispatcher, arguments, right, told in asks:
        function = dispatcher.py_func
        try:
            returned = _returned(njit(function), arguments)
        except Exception as error:  # noqa: BLE001 - numba raises anything; each is told as what it is
            if not any(map(_is_own, _places(error))):
                error = _error_of_calls(function, arguments) or error
            return _told(error, function, fields)
        if (fault := _return_fault(function, str(returned), str(right), told, fields)) is not None:
            return fault
    return None


def _told_fills(number: int) -> str:
    return f"with {number} fill{'s' * (number != 1)} as annotated"


class _Ask(NamedTuple):
    """One function of a strategy, the types of its arguments, the type that it must return, and why."""

    function: Any
    arguments: tuple[Any, ...]
    returned: Any
    told: str


def _asks(strategy: EventStrategy | BarStrategy) -> list[_Ask]:
    """Return what is asked of each function of `strategy`; the one that is called most comes last."""
    if isinstance(strategy, BarStrategy):
        return _asks_of_bars(bar_signature_of(strategy))
    signature = signature_of(strategy)
    params, state, fill = map(_numba_type, (signature.params_type, signature.state_type, Fill))
    event = types.BaseTuple.from_types((types.int64, types.int8, types.float64, *[types.int64] * 3), Event)
    ending = types.Tuple((state, types.UniTuple(fill, signature.fills)))
    dated = types.Tuple((state, types.UniTuple(_numba_type(DatedFill), max(signature.day_end_fills, 1))))
    asked = {
        "start": ((params,), state, "as annotated"),
        "on_phase": ((params, state, types.int64, types.int64), state, "as annotated"),
        "on_event": ((params, state, event), ending, _told_fills(signature.fills)),
        "on_day_end": ((params, state, types.boolean), dated, _told_fills(signature.day_end_fills)),
    }
    return [_Ask(function, *asked[role]) for role, function in signature.functions.items()]


def _asks_of_bars(signature: BarSignature) -> list[_Ask]:
    params, state, bar, account, order = map(
        _numba_type, (signature.params_type, signature.state_type, Bar, Account, BarOrder)
    )
    values = [] if signature.values_type is None else [_numba_type(signature.values_type)]
    on_bar = (params, state, bar, *values, account)
    return [
        _Ask(signature.functions["start"], (params,), state, "as annotated"),
        _Ask(signature.functions["on_bar"], on_bar, types.Tuple((state, order)), "the state and a BarOrder"),
    ]


def _fields_named(dispatchers: Iterable[Any]) -> Fields:
    """Return the fields of the NamedTuple classes that functions, and what they call, name or are annotated with."""
    found: dict[str, tuple[str, ...]] = {}
    waiting: list[Any] = [Event, Fill, DatedFill, Bar, Account, BarOrder, *dispatchers]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Dispatcher):
            waiting += [*named_values(value.py_func), *_hints(value.py_func)]
        elif isinstance(value, type) and hasattr(value, "_fields"):
            found[value.__name__] = value._fields
            waiting += _hints(value)
    return found


def _hints(annotated: Any) -> list[Any]:
    try:
        return list(get_type_hints(annotated).values())
    except NameError:  # of a helper: it compiles without, and only its fields cannot be listed
        return []


def _numba_type(kind: Any) -> Any:
    if kind in _SCALARS:
        return _SCALARS[kind]
    return types.BaseTuple.from_types(tuple(map(_numba_type, get_type_hints(kind).values())), kind)


def _returned(dispatcher: Any, arguments: tuple[Any, ...]) -> Any:
    """Return the type that a function gives for arguments of these types; raises what compiling it raises."""
    dispatcher.compile(arguments)
    return dispatcher.overloads[arguments].signature.return_type


def _error_of_calls(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Exception | None:
    """Return the error of `function` with nothing inlined: numba then says from which line each call came."""
    try:
        _returned(_not_inlined(njit(function), {}), arguments)
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None


def _not_inlined(dispatcher: Any, made: dict[Any, Any]) -> Any:
    """Return a function, and all that it calls, without the option to inline it."""
    old = dispatcher.py_func
    if old not in made:
        scope = dict(old.__globals__)
        new = FunctionType(old.__code__, scope, old.__name__, old.__defaults__, old.__closure__)
        new.__module__, new.__qualname__ = old.__module__, old.__qualname__
        made[old] = njit(new)
        for name in old.__code__.co_names:
            if isinstance(scope.get(name), Dispatcher):
                scope[name] = _not_inlined(scope[name], made)
    return made[old]


def _return_fault(function: Callable[..., Any], returned: str, right: str, why: str, fields: Fields) -> str | None:
    """Return how the type that comes back differs from the right one; None when it is that."""
    found, wanted = kind_of(returned, fields), kind_of(right, fields)
    difference = first_difference(found, wanted, fields)
    if difference is None:
        return None
    name, (where, is_, must_be) = function.__name__, difference
    if returned == "none" or returned.startswith("OptionalType("):
        some = "" if returned == "none" else " on some path"
        told = f"{name} ends without a return{some}, must return {wanted}, {why}"
    elif where:
        told = f"{name} returns {where} as {is_}, must be {must_be} as annotated{number_hint(is_, must_be)}"
    else:
        told = f"{name} returns {found}, must return {wanted}, {why}"
    ends = [each.positions for each in dis.get_instructions(function) if each.opname.startswith("RETURN_")]
    lines = [place.lineno for place in ends if place is not None and place.lineno is not None]
    return f"{function.__code__.co_filename}:{max(lines, default=function.__code__.co_firstlineno)}: {told}"


def _told(error: Exception, function: Callable[..., Any], fields: Fields) -> str:
    file, line = next(filter(_is_own, _places(error)), (function.__code__.co_filename, None))
    wrong, semicolon, right = in_words(error, fields).partition("; ")
    if line is None:
        place = f"{file}:{function.__code__.co_firstlineno}: {function.__name__}"
        return f"{place} cannot be compiled: {wrong}{semicolon}{right}"
    source = linecache.getline(file, line).strip()[:_LONGEST_LINE]
    code = f", in `{source}`" if source else ""
    return f"{file}:{line}: cannot be compiled: {wrong}{code}{semicolon}{right}"


def _places(error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield (file, line) of the code that numba was at: those that it says, then those that it had in its hands."""
    for file, line, other_file, other_line in _PLACE.findall(str(error)):
        yield os.path.abspath(file or other_file), int(line or other_line)  # it says them from the current folder
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        if str(frame.f_globals.get("__name__")).startswith("numba."):
            for value in list(frame.f_locals.values()):
                place = value if isinstance(value, ir.Loc) else getattr(value, "loc", None)
                if isinstance(place, ir.Loc):
                    yield place.filename, place.line


def _is_own(place: tuple[str, int]) -> bool:
    """Return whether a place is a line of the strategy's code; a decorator's line stands for a function as a whole."""
    path = Path(place[0])
    ours = any(path.is_relative_to(library) for library in _LIBRARIES)
    return not ours and path.is_file() and not linecache.getline(*place).lstrip().startswith("@")
