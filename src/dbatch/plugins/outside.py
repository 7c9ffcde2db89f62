"""Code that a strategy imports from outside its own files: it decides results too, so its content is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from dbatch.plugins import modules
from dbatch.plugins.layout import Layout
from dbatch.plugins.modules import Loaded
from dbatch.plugins.sources import ImportedModule, read_source

_OURS = Path(__file__).parents[1]


def outside_modules(module: ModuleType, layout: Layout, before: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """Return the modules that the strategy uses and that are neither its own, nor installed, nor dbatch's.

    Those are the ones that are new since `before`, and those that import lines name from `module` onwards:
    another strategy of the same tree, or the caller, may have imported them already.
    """
    shared = [loaded for loaded in modules.LOADED.values() if loaded.layout and loaded.layout.tree == layout.tree]
    known = {name: found for loaded in shared for name, found in loaded.modules.items()} | sys.modules
    new = {name: found for name, found in sys.modules.copy().items() if before.get(name) is not found}
    used = {**_imported(module, known, layout), **new}
    return {name: found for name, found in sorted(used.items()) if _is_outside(name, found, layout)}


def contents_of(outside: Mapping[str, ModuleType]) -> dict[str, tuple[str, bytes]]:
    """Return the file and its content of each of the modules that has one."""
    files = {name: module.__file__ for name, module in outside.items() if module.__file__ is not None}
    return {name: (file, Path(file).read_bytes()) for name, file in files.items() if os.path.isfile(file)}


def has_changed(loaded: Loaded) -> bool:
    """Return whether a file outside the strategy's own is no longer what it was when it was imported."""
    return any(_content(file) != content for file, content in loaded.outside.values())


def _content(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:  # gone: what was imported from it is out of date
        return None


def _imported(start: ModuleType, known: Mapping[str, ModuleType], layout: Layout) -> dict[str, ModuleType]:
    """Return what `start` imports, and what that imports, through the strategy's own and outside modules."""
    seen = {start.__name__: start}
    pending = [start]
    while pending:
        module = pending.pop()
        if not isinstance(file := getattr(module, "__file__", None), str):
            continue
        for line in read_source(Path(file)).imports:
            for name in _names(module, line):
                found = known.get(name)
                if found is None or name in seen:
                    continue
                seen[name] = found
                if modules.lies_in(found, layout.tree) or _is_outside(name, found, layout):
                    pending.append(found)
    return seen


def _names(module: ModuleType, line: ImportedModule) -> Iterator[str]:
    """Yield the dotted names that one import line of `module` can have loaded."""
    package = (getattr(module, "__package__", None) or "").split(".")
    parts = [*package[: len(package) - line.level + 1]] if line.level else []
    parts += line.module.split(".") if line.module else []
    yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    yield from (".".join([*parts, name]) for name in line.names)


def _is_outside(name: str, module: ModuleType, layout: Layout) -> bool:
    if name.partition(".")[0] in ("dbatch", "__main__") or name == layout.import_name or _is_own(module, layout):
        return False
    return not modules.is_installed(module) and not modules.lies_in(module, _OURS)


def _is_own(module: ModuleType, layout: Layout) -> bool:
    """Return whether the module's file is one of the strategy's; of a single file's folder not all files are."""
    file = getattr(module, "__file__", None)
    if not layout.alone or not isinstance(file, str):
        return modules.lies_in(module, layout.tree)
    return os.path.realpath(file) in {os.path.realpath(own) for own in layout.reach.files}
