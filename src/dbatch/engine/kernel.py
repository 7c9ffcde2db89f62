"""A strategy's compiled event loop, kept in a cache folder named by everything that it is made of."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

import llvmlite
import numba
import numpy as np

from dbatch.cache import cache_dir
from dbatch.engine.loop import Loop, generate_loop
from dbatch.engine.sources import reached_sources
from dbatch.errors import HandlerError
from dbatch.strategies import EventStrategy

Replay = Callable[..., tuple[int, int, int, int]]

_CHECKED = "every variable is set"
"""What a loop in the cache was checked for; other words have every one checked again."""


@dataclass(frozen=True)
class Kernel:
    """A strategy's compiled loop and the hash of all sources that it is made of, whatever the machine."""

    replay: Replay
    loop: Loop
    sources_hash: str


@lru_cache(maxsize=32)
def compile_kernel(strategy: EventStrategy) -> Kernel:
    """Return the compiled loop of `strategy`, from the cache when every source it reaches is unchanged.

    Numba's own cache looks at the time stamp of one file, so a loop that inlines an edited function would come
    back stale; here the folder's name is a hash of all sources, of numba's version and of the CPU.
    Raises StrategyError when the strategy is not written as the contract asks, or may read what it has not set.
    """
    loop = generate_loop(strategy)
    reached = reached_sources(sys.modules[name] for name in loop.modules)
    parts = [f"{name}\n{source}" for name, source in reached]
    sources = hashlib.sha256("\0".join([loop.text, *parts]).encode()).hexdigest()
    machine = hashlib.sha256(f"{sources} {_machine()} {_CHECKED}".encode()).hexdigest()[:32]

    def check() -> None:
        from dbatch.engine.unset import reached_functions, refuse_unset

        refuse_unset(reached_functions((strategy.start, strategy.on_event), [name for name, _ in reached]))

    replay = _load(loop.text, f"_dbatch_kernel_{machine}", cache_dir() / "kernels" / machine, check)
    return Kernel(replay, loop, sources)


@contextmanager
def readable_compile_errors(strategy: EventStrategy) -> Iterator[None]:
    """Turn what stops numba into one line with the strategy's own line; numba's pages stay its cause.

    What the compiled loop itself raises goes on as it is, but for numba's error where a path has no `return`.
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        no_return = isinstance(error, TypeError) and str(error).endswith(", got None")
        if compile_kernel(strategy).replay.signatures and not no_return:  # type: ignore[attr-defined]
            raise
        from dbatch.engine.compile_faults import compile_fault  # half of numba's compiler, for failures only

        fault = compile_fault(strategy, error)
        if fault is None:
            raise
        raise HandlerError(fault) from error


def flatten(values: Any, params_type: type) -> tuple[np.ndarray, np.ndarray]:
    """Return the scalars of nested NamedTuples as an int64 and a float64 array, in the order the loop reads them.

    Raises HandlerError for values that are not of `params_type`: the loop would read what is not there.
    """
    ints: list[int] = []
    floats: list[float] = []
    _collect(values, params_type, ints, floats)
    return np.array(ints, dtype=np.int64), np.array(floats, dtype=np.float64)


def _collect(values: Any, expected: Any, ints: list[int], floats: list[float]) -> None:
    if not isinstance(values, expected):
        raise HandlerError(f"bind gave {type(values).__name__}, must give {expected.__name__} as start is annotated")
    for field, kind in _fields(expected):
        value = getattr(values, field)
        if hasattr(kind, "_fields"):
            _collect(value, kind, ints, floats)
        elif kind is float:
            floats.append(float(value))
        else:
            ints.append(int(value))


@lru_cache(maxsize=256)
def _fields(cls: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(cls).items())


def _machine() -> str:
    versions = (numba.__version__, np.__version__, llvmlite.__version__, sys.version)
    cpu = (llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten())
    return " ".join((*versions, *cpu))


def _load(text: str, module_name: str, folder: Path, check: Callable[[], None]) -> Replay:
    """Return the loop in `folder`; where it is not there yet, `check` may refuse it before it is."""
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
    os.replace(temporary, path)


def _import(module_name: str, path: Path) -> Replay:
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    replay: Replay = module.replay
    return replay
