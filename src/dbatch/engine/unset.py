"""Variables of compiled functions that are not set on every path: numba lets them hold whatever was there before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler import run_frontend
from numba.core.dispatcher import Dispatcher

from dbatch.errors import StrategyError

Function = Callable[..., Any]


def refuse_unset(functions: Iterable[Function]) -> None:
    """Raise StrategyError for the first variable that one of `functions` may read before it is set.

    The rule is that of Java and C#: on each path through the code, whether or not its conditions can hold together.
    Python would raise UnboundLocalError there. Compiled code goes on with what an earlier event left.
    """
    for function in functions:
        found = sorted((line, name) for each in (function, *_inner(function)) for name, line in may_be_unset(each))
        for line, name in found:
            raise StrategyError(
                f"{function.__code__.co_filename}:{line}: '{name}' is not set on every path to here, and would keep "
                "the value of an earlier event; set it before the first `if`"
            )


def may_be_unset(function: Function) -> set[tuple[str, int]]:
    """Return (variable, line) of each place in `function` that reads a local variable which may not be set there.

    Nothing is said of code that numba cannot read: it will refuse to compile it.
    """
    try:
        blocks = run_frontend(function).blocks
    except Exception:  # noqa: BLE001 - numba raises anything there, and again when it compiles
        return set()
    known = _set_at_start(blocks)
    found = set()
    for label, block in blocks.items():
        have = known[label]
        for statement in block.body:
            found |= {(name, statement.loc.line) for name in _read(statement) - have if not name.startswith("$")}
            have |= _written(statement)
    return found


def reached_functions(roots: Iterable[Any], modules: Collection[str]) -> list[Function]:
    """Return the Python functions of `roots` and of all compiled functions that they name, transitively.

    Left out are those whose module is not among `modules`. `roots` are numba's dispatchers.
    """
    found: dict[Any, Function] = {}
    waiting = list(roots)
    while waiting:
        dispatcher = waiting.pop(0)
        function = dispatcher.py_func
        if dispatcher not in found and function.__module__ in modules:
            found[dispatcher] = function
            waiting.extend(value for value in named_values(function) if isinstance(value, Dispatcher))
    return list(found.values())


def named_values(function: Function) -> list[Any]:
    """Return the globals and closed-over values that `function` names, those inside modules and tuples too."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    waiting = [function.__globals__[name] for name in sorted(names) if name in function.__globals__]
    waiting += [cell.cell_contents for cell in function.__closure__ or () if cell != CellType()]
    values: dict[int, Any] = {}
    while waiting:
        value = waiting.pop(0)
        if id(value) not in values:
            values[id(value)] = value
            if isinstance(value, ModuleType):
                waiting.extend(vars(value)[name] for name in sorted(names) if name in vars(value))
            elif isinstance(value, tuple):
                waiting.extend(value)
    return list(values.values())


def _set_at_start(blocks: dict[int, Any]) -> dict[int, set[str]]:
    """Return by block the variables that are set when it begins, whatever path led there."""
    graph = compute_cfg_from_blocks(blocks)
    written = {label: set().union(*map(_written, block.body)) for label, block in blocks.items()}
    entry = graph.entry_point()
    every = set().union(*written.values())
    known = {label: set() if label == entry else set(every) for label in blocks}
    changed = True
    while changed:  # sets only ever shrink, so this ends
        changed = False
        for label in graph.topo_order():
            before = [known[source] | written[source] for source, _ in graph.predecessors(label)]
            narrowed = known[label].intersection(*before)
            changed = changed or narrowed != known[label]
            known[label] = narrowed
    return known


def _written(statement: Any) -> set[str]:
    return {statement.target.name} if isinstance(statement, ir.Assign) else set()


def _read(statement: Any) -> set[str]:
    if not isinstance(statement, ir.Assign):
        return {variable.name for variable in statement.list_vars()}
    value = statement.value
    if isinstance(value, ir.Var):
        return {value.name}
    return {variable.name for variable in value.list_vars()} if isinstance(value, ir.Expr) else set()


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _inner(function: Function) -> Iterator[Function]:
    """Yield the functions inside `function`; what they close over counts as set."""
    for code in _codes(function.__code__):
        if code is not function.__code__:
            cells = tuple(CellType(None) for _ in code.co_freevars)
            yield FunctionType(code, function.__globals__, code.co_name, None, cells)
