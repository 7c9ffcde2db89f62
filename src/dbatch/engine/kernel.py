"""A strategy's compiled event loop, kept in a cache folder named by everything that it is made of."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar, get_type_hints

import llvmlite
import numba
import numpy as np

from dbatch.cache import cache_dir
from dbatch.engine.loop import Loop, generate_loop
from dbatch.engine.numba_start import spare_copies, start_numba
from dbatch.engine.signature import signature_of
from dbatch.engine.sources import reached_sources
from dbatch.errors import HandlerError
from dbatch.strategies import BarStrategy, EventStrategy

_Kernel = TypeVar("_Kernel")
Functions = Iterable[tuple[Any, tuple[Any, ...]]]
"""Functions of one generated module, each with numba's types of its arguments."""

_CHECKED: Final = "every variable is set"
"""What a loop in the cache was checked for; other words have every one checked again."""

_LONGEST_COMPILATION_SEC: Final = 120.0
_WRITTEN: Final = 946_684_800.0
"""When any loop's source was written, in Unix seconds: numba drops what it compiled when the file seems newer."""


@dataclass(frozen=True)
class Kernel:
    """A strategy's loop, compiled when it is called, and the hash of all sources that it is made of on any machine."""

    find_sessions: Any
    replay: Any
    loop: Loop
    sources_hash: str


@lru_cache(maxsize=32)
def compile_kernel(strategy: EventStrategy) -> Kernel:
    """Return the loop of `strategy`, from the cache when every source it reaches is unchanged.

    Raises StrategyError when the strategy is not written as the contract asks, or may read what it has not set.
    """
    loop = generate_loop(strategy)
    module, sources = module_of(loop.text, loop.modules, signature_of(strategy).functions.values())
    return Kernel(module.find_sessions, module.replay, loop, sources)


def ready_kernel(strategy: EventStrategy) -> Kernel:
    """Return the loop of `strategy` with its machine code.

    Raises HandlerError where its code cannot be compiled, StrategyError as `compile_kernel` does, and what numba raises
    where it is no fault of the strategy's code.
    """
    return faultless(_kernel_or_fault(strategy))


@lru_cache(maxsize=32)
def _kernel_or_fault(strategy: EventStrategy) -> Kernel | HandlerError:
    kernel = compile_kernel(strategy)
    functions = zip((kernel.find_sessions, kernel.replay), _argument_types(), strict=True)
    return compiled_or_fault(strategy, kernel, functions)


def compiled_or_fault(
    strategy: EventStrategy | BarStrategy, kernel: _Kernel, functions: Functions
) -> _Kernel | HandlerError:
    """Return `kernel` with the machine code of its `functions`, or why the code of `strategy` cannot be compiled.

    It is to be kept, so that a fault is looked for once. Raises what numba raises where it is no fault of that code.
    """
    try:
        compile_once(functions)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        found = _fault(strategy, error)
        if found is None:
            raise
        return found
    return kernel


def faultless(found: _Kernel | HandlerError) -> _Kernel:
    """Return the kernel that was found; raises the fault that was found instead, anew each time."""
    if isinstance(found, HandlerError):
        raise HandlerError(str(found)) from found.__cause__
    return found


def module_of(text: str, modules: Iterable[str], functions: Iterable[Any]) -> tuple[ModuleType, str]:
    """Return the module with the source `text`, from the cache, and the hash of all sources that it is made of.

    `modules` are the names of those that it starts from, `functions` those of the strategy. Numba's own cache looks at
    the time stamp of one file, so a loop that inlines an edited function would come back stale; here the folder's name
    is a hash of all sources, of numba's version and of the CPU. Raises StrategyError for functions that may read what
    they have not set.
    """
    reached = reached_sources(sys.modules[name] for name in modules)
    parts = [f"{name}\n{source}" for name, source in reached]
    sources = hashlib.sha256("\0".join([text, *parts]).encode()).hexdigest()
    machine = hashlib.sha256(f"{sources} {_machine()} {_CHECKED}".encode()).hexdigest()[:32]

    def check() -> None:
        from dbatch.engine.unset import reached_functions, refuse_unset

        refuse_unset(reached_functions(functions, [name for name, _ in reached]))

    return _load(text, f"_dbatch_kernel_{machine}", cache_dir() / "kernels" / machine, check), sources


def compile_once(functions: Functions) -> None:
    """Compile all functions of one generated module, each for its types of arguments; raises what numba raises.

    What the cache does not hold is compiled by one process, while others wait for it and then load it.
    """
    start_numba()
    pairs = list(functions)
    folder = Path(pairs[0][0].py_func.__code__.co_filename).parent
    with _one_at_a_time(folder, len(pairs)):
        spare_copies()
        for function, types in pairs:
            function.compile(types)


@contextmanager
def readable_compile_errors(strategy: EventStrategy) -> Iterator[None]:
    """Turn numba's error where a path has no `return` into one line with the strategy's own line.

    Numba finds that out when an event takes the path. What else the compiled loop raises goes on as it is.
    """
    try:
        yield
    except TypeError as error:
        found = _fault(strategy, error) if str(error).endswith(", got None") else None
        if found is None:
            raise
        raise found from error


def flatten(values: Any, params_type: type) -> tuple[list[int], list[float]]:
    """Return the scalars of nested NamedTuples, ints (bools too) and floats, in the order the loop reads them.

    Raises HandlerError for values that are not of `params_type`: the loop would read what is not there.
    """
    ints: list[int] = []
    floats: list[float] = []
    _collect(values, params_type, ints, floats)
    return ints, floats


def _collect(values: Any, expected: Any, ints: list[int], floats: list[float]) -> None:
    if not isinstance(values, expected):
        raise HandlerError(f"bind gave {type(values).__name__}, must give {expected.__name__} as start is annotated")
    for value, kind in zip(values, _kinds(expected), strict=True):
        if kind is float:
            floats.append(float(value))
        elif kind is int or kind is bool:
            ints.append(int(value))
        else:
            _collect(value, kind, ints, floats)


@lru_cache(maxsize=256)
def _kinds(cls: Any) -> tuple[Any, ...]:
    return tuple(get_type_hints(cls).values())


def _fault(strategy: EventStrategy | BarStrategy, error: Exception) -> HandlerError | None:
    """Return what is wrong with the strategy's code that numba raised `error`, numba's pages being its cause."""
    from dbatch.engine.compile_faults import compile_fault  # half of numba's compiler, for failures only

    told = compile_fault(strategy, error)
    if told is None:
        return None
    fault = HandlerError(told)
    fault.__cause__ = error
    return fault


def _argument_types() -> tuple[tuple[Any, ...], ...]:
    """Return numba's types of the arguments of `find_sessions` and of `replay`; events are read-only."""
    from numba.core.types import Array, boolean, float64, int8, int64

    times, kinds, prices = (Array(kind, 1, "C", readonly=True) for kind in (int64, int8, float64))
    whole, real, wholes, reals = (Array(kind, rows, "C") for rows in (1, 2) for kind in (int64, float64))
    find_sessions = (int64, times, kinds, prices, boolean, whole, wholes)
    rows = (int64, int64, wholes, times, kinds, prices, times)
    sets = (wholes, reals, boolean, boolean, wholes, reals, whole, int64, whole)
    return find_sessions, (*rows, *sets, whole, real, whole, real, whole, real)


@contextmanager
def _one_at_a_time(folder: Path, functions: int) -> Iterator[None]:
    """Keep other processes from compiling what belongs into `folder`, where it is not there yet.

    Compiling twice does no harm. So whoever cannot lock, or waits for long, goes on without. The lock is let go of
    with the process that holds it; its file, which is empty, is never asked for again and goes with the folder.
    """
    if len(list(folder.glob("__pycache__/*.nbc"))) >= functions:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=_LONGEST_COMPILATION_SEC)
    except (OSError, NotImplementedError, Timeout):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _machine() -> str:
    versions = (numba.__version__, np.__version__, llvmlite.__version__, sys.version)
    cpu = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    return " ".join((*versions, *cpu))


def _load(text: str, module_name: str, folder: Path, check: Callable[[], None]) -> ModuleType:
    """Return the module of `folder`; where it is not there yet, `check` may refuse it before it is."""
    path = folder / f"{module_name}.py"
    try:
        if not path.exists():
            check()
            _publish(path, text)
        return _import(module_name, path)
    except OSError:
        check()
        scratch = Path(tempfile.mkdtemp(prefix="dbatch-kernel-")) / path.name
        _publish(scratch, text)
        return _import(module_name, scratch)


def _publish(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.utime(temporary, (time.time(), _WRITTEN))
    os.replace(temporary, path)


def _import(module_name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
