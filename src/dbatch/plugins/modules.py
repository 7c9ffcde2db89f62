"""Which strategy's modules this process holds: those of two paths may share names, so they take turns.

Only one owner at a time can stand behind a name in `sys.modules`. Before a strategy is imported or handed
out, modules of others that would answer for it are set aside; its own are put back.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from dbatch.errors import StrategyError
from dbatch.plugins.layout import PLAIN_PREFIX, Layout


@dataclass
class Loaded:
    """One strategy module of this process, with every module of its tree and what its files were."""

    layout: Layout | None
    source_hash: str
    module: ModuleType
    search: tuple[str, ...] = ()
    modules: dict[str, ModuleType] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


LOADED: dict[tuple[str | None, str], Loaded] = {}


def set_aside_others(layout: Layout) -> None:
    """Take out of `sys.modules` what would be found in place of this strategy's own modules.

    That is a package of the same name from another place, and modules that other strategies imported from
    beside themselves under bare names. Raises StrategyError where the name is an installed package's.
    """
    top = None if layout.plain else layout.module.partition(".")[0]
    bare = {name for loaded in LOADED.values() for name in loaded.modules if _is_bare(name, loaded)}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == top:
            if not _lies_in(module, layout.tree):
                _refuse_installed(name, module, layout)
                del sys.modules[name]
        elif name in bare:
            del sys.modules[name]


def put_first(search: tuple[str, ...]) -> None:
    """Put `search` at the front of `sys.path`, once."""
    sys.path[:] = [*search, *(entry for entry in sys.path if entry not in search)]


def activate(loaded: Loaded) -> None:
    """Make this strategy's modules and search path the ones that imports find."""
    if loaded.layout is not None:
        set_aside_others(loaded.layout)
        put_first(loaded.search)
        sys.modules.update(loaded.modules)


def modules_in(tree: Path) -> dict[str, ModuleType]:
    """Return the modules of this process whose files lie in `tree`; never dbatch's own or installed ones."""
    return {name: module for name, module in list(sys.modules.items()) if _is_strategys(name, module, tree)}


def forget_stale(layout: Layout, digests: Mapping[str, str]) -> None:
    """Drop what was imported from files that have changed since, so that the next import reads them.

    `digests` is the present content of the strategy's files by path. Modules of its package that were
    imported before dbatch looked are dropped too: nobody knows what they were read from.
    """
    for key, loaded in list(LOADED.items()):
        if any(digests.get(path, digest) != digest for path, digest in loaded.digests.items()):
            _drop(LOADED.pop(key).modules)
    if not layout.plain:
        known = {id(module) for loaded in LOADED.values() for module in loaded.modules.values()}
        top = layout.module.partition(".")[0]
        in_tree = modules_in(layout.tree)
        _drop({n: m for n, m in in_tree.items() if n.partition(".")[0] == top and id(m) not in known})


def _drop(dropped: Mapping[str, ModuleType]) -> None:
    for name, module in dropped.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


def _is_bare(name: str, loaded: Loaded) -> bool:
    layout = loaded.layout
    if layout is None or name.startswith(PLAIN_PREFIX):
        return False
    return layout.plain or name.partition(".")[0] != layout.module.partition(".")[0]


def _is_strategys(name: str, module: ModuleType, tree: Path) -> bool:
    top = name.partition(".")[0]
    return top not in ("dbatch", "__main__") and _lies_in(module, tree) and not _is_installed(module)


def _places(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [os.path.realpath(file)]
    try:
        return [os.path.realpath(entry) for entry in getattr(module, "__path__", ())]
    except (TypeError, KeyError):  # a namespace package whose parent is gone
        return []


def _lies_in(module: ModuleType, tree: Path) -> bool:
    real = os.path.realpath(tree)
    return any(place == real or place.startswith(real.rstrip(os.sep) + os.sep) for place in _places(module))


def _is_installed(module: ModuleType) -> bool:
    folders = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    real = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    return any(place.startswith(real) for place in _places(module)) or not _places(module)


def _refuse_installed(name: str, module: ModuleType, layout: Layout) -> None:
    top = name.partition(".")[0]
    if top == "dbatch" or top in sys.stdlib_module_names or _is_installed(module):
        where = next(iter(_places(module)), "built in")
        raise StrategyError(f"{layout.file}: package name '{top}' is taken by {where}; rename the folder")
