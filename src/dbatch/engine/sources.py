"""Which source files a module's compiled code can reach."""

from __future__ import annotations

import ast
import importlib.util
import sys
from types import ModuleType

_VERSIONED = frozenset(
    {"numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "dask", "distributed", "annotated_types"}
)
"""Packages that enter a kernel's identity by their version, not by their files."""


def reached_sources(module: ModuleType) -> list[tuple[str, str]]:
    """Return (module name, source text) of `module` and of all it imports, transitively, sorted by name.

    The standard library and the packages whose versions are part of a kernel's name are left out. Too much
    rather than too little: a comment edited in any of them compiles anew, a changed helper never goes unseen.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        name = current.__name__
        path = getattr(current, "__file__", None)
        if name in found or path is None or not path.endswith(".py"):
            continue
        with open(path, encoding="utf-8") as file:
            found[name] = file.read()
        waiting.extend(_imports(current, found[name]))
    return sorted(found.items())


def _imports(module: ModuleType, source: str) -> list[ModuleType]:
    package = module.__package__ or ""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(base, package) if node.level else base
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    loaded = (sys.modules.get(name) for name in sorted(names) if not _is_versioned(name))
    return [found for found in loaded if isinstance(found, ModuleType)]


def _is_versioned(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _VERSIONED or top in sys.stdlib_module_names
