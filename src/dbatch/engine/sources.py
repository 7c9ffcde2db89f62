"""Which source files, and which values in them, a strategy's compiled code can reach."""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterable
from types import ModuleType

import numpy as np

_VERSIONED = frozenset(
    {"numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "dask", "distributed", "annotated_types"}
)
"""Packages that enter a kernel's identity by their version, not by their files."""

_FACADE = "dbatch"
"""Its public names come from elsewhere, on first use: followed, it would reach whatever happens to be loaded."""


def reached_sources(modules: Iterable[ModuleType]) -> list[tuple[str, str]]:
    """Return (module name, source and constants) of `modules` and of all they import, transitively, by name.

    The standard library and the packages whose versions are part of a kernel's name are left out. Too much
    rather than too little: a comment edited in any of them compiles anew, a changed helper never goes unseen.
    The values of module constants count too, for a compiled loop freezes them: they may come from elsewhere.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        current = waiting.pop()
        name = current.__name__
        path = getattr(current, "__file__", None)
        if name in found or path is None or not path.endswith(".py"):
            continue
        with open(path, encoding="utf-8") as file:
            source = file.read()
        found[name] = source + "\n".join(_constants(current))
        waiting.extend(_imports(current, source))
    return sorted(found.items())


def _constants(module: ModuleType) -> list[str]:
    kept = []
    for name, value in sorted(vars(module).items()):
        if name.startswith("__"):
            continue
        if isinstance(value, np.ndarray):
            kept.append(f"{name}={value.dtype}{value.shape}{value.tobytes().hex()}")
        elif _is_plain(value):
            kept.append(f"{name}={value!r}")
    return kept


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, int | float | complex | str | bytes | np.generic)


def _imports(module: ModuleType, source: str) -> list[ModuleType]:
    loaded = (sys.modules.get(name) for name in _imported_names(source, module.__package__ or ""))
    return [found for found in loaded if isinstance(found, ModuleType)]


@functools.lru_cache(maxsize=512)
def _imported_names(source: str, package: str) -> tuple[str, ...]:
    """Return what a module of `package` imports anywhere: parsing is what takes the time, a second for 150 files."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(base, package) if node.level else base
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return tuple(name for name in sorted(names) if name != _FACADE and not _is_versioned(name))


def _is_versioned(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _VERSIONED or top in sys.stdlib_module_names
