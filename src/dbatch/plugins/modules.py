"""Which strategy's modules this process holds: those of two paths may share names, so they take turns.

Only one owner at a time can stand behind a name in `sys.modules`. Before a strategy is imported or handed
out, modules of others that would answer for it are set aside; its own are put back.
"""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Final

from dbatch.errors import StrategyError
from dbatch.plugins.layout import PLAIN_PREFIX, Layout
from dbatch.plugins.reach import INSTALLED
from dbatch.plugins.search_path import put_first
from dbatch.plugins.sources import read_source

_INSTALLED_PARTS: Final = tuple(f"{os.sep}{name}{os.sep}" for name in INSTALLED)


@dataclass
class Loaded:
    """One strategy module of this process, with every module of its tree and what its files were.

    `modules` holds those that it uses from outside its tree too; `outside` is their files and contents by name. Of an
    installed one there is its `package` alone: the modules that its classes look their names up in.
    """

    layout: Layout | None
    source_hash: str
    module: ModuleType
    search: tuple[str, ...] = ()
    modules: dict[str, ModuleType] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    outside: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    package: dict[str, ModuleType] = field(default_factory=dict)


LOADED: dict[tuple[str | None, str], Loaded] = {}


def set_aside_others(layout: Layout) -> None:
    """Take out of `sys.modules` what would be found in place of this strategy's own modules.

    That is a package of the same name from another place, modules that other strategies imported from beside
    themselves, or from outside, under other names, and what the caller imported from elsewhere under a name that
    stands beside or above this one. Raises StrategyError, and takes nothing out, where the name of its package is an
    installed one's.
    """
    top = next(iter(layout.packages), None)
    known = list(LOADED.values())
    bare = {name for loaded in known for name in list(loaded.modules) if _is_bare(name, loaded)}
    wanted = _imported_packages(layout)
    bare |= {
        name
        for loaded in known
        for name, module in list(loaded.modules.items())
        if name.partition(".")[0] in wanted and not lies_in(module, layout.tree)
    }
    others = {}
    homes = {home.name: home.folder for home in reversed(layout.reach.homes)}
    for name, module in sys.modules.copy().items():
        first = name.partition(".")[0]
        if first == top:
            if not lies_in(module, layout.packages[top]):
                _refuse_installed(name, module, layout)
                others[name] = module
        elif name in bare or (first in homes and _is_anothers(module, homes[first] / first)):
            others[name] = module
    _drop(others)


def pin_namespaces(layout: Layout) -> None:
    """Put the packages of the strategy that have no `__init__.py` into `sys.modules`, each with its one folder.

    Left to `sys.path`, a regular package of the same name wins wherever it stands, and folders of one name mix.
    """
    for name, folder in layout.packages.items():
        known = sys.modules.get(name)
        if (folder / "__init__.py").is_file() or (known is not None and _folders(known) == [str(folder)]):
            continue
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = module = module_from_spec(spec)
        parent, _, last = name.rpartition(".")
        if parent in sys.modules:  # else its own `__init__.py` is still to run
            setattr(sys.modules[parent], last, module)


def activate(loaded: Loaded) -> None:
    """Make this strategy's modules and search path the ones that imports find."""
    if loaded.layout is not None:
        set_aside_others(loaded.layout)
        put_first(loaded.search, loaded.layout.reach.homes)
    sys.modules.update(loaded.package | loaded.modules)


def modules_in(tree: Path) -> dict[str, ModuleType]:
    """Return the modules of this process whose files lie in `tree`; never dbatch's own or installed ones."""
    real = os.path.realpath(tree)
    return {name: module for name, module in sys.modules.copy().items() if _is_strategys(name, module, real)}


def forget(keys: Iterable[tuple[str | None, str]]) -> None:
    """Drop strategies and the modules that were imported for them."""
    for key in list(keys):
        _drop(LOADED.pop(key).modules)


def forget_stale(layout: Layout, digests: Mapping[str, str]) -> None:
    """Drop what was imported from files that have changed since, so that the next import reads them.

    `digests` is the present content of the strategy's files by path. Modules of its package that were
    imported before dbatch looked are dropped too: nobody knows what they were read from.
    """
    forget(
        key
        for key, loaded in LOADED.items()
        if any(digests.get(path, digest) != digest for path, digest in loaded.digests.items())
    )
    if not layout.plain:
        known = {id(module) for loaded in LOADED.values() for module in loaded.modules.values()}
        top = layout.module.partition(".")[0]
        in_tree = modules_in(layout.tree)
        _drop({n: m for n, m in in_tree.items() if n.partition(".")[0] == top and id(m) not in known})


def _drop(dropped: Mapping[str, ModuleType]) -> None:
    for name, module in dropped.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


def _imported_packages(layout: Layout) -> set[str]:
    """Return the first parts of the absolute names that the strategy imports; for a package, in any file beside it."""
    beside = [] if layout.plain else layout.file.parent.glob("*.py")
    lines = [line for path in beside for line in read_source(path).imports]
    return {*layout.reach.names, *(line.top for line in lines if not line.level)}


def _is_bare(name: str, loaded: Loaded) -> bool:
    layout = loaded.layout
    if layout is None or name.startswith(PLAIN_PREFIX):
        return False
    return layout.plain or name.partition(".")[0] != layout.module.partition(".")[0]


def _is_strategys(name: str, module: ModuleType, tree: str) -> bool:
    top = name.partition(".")[0]
    return top not in ("dbatch", "__main__") and _is_below(module, tree) and not is_installed(module)


def _is_anothers(module: ModuleType, home: Path) -> bool:
    """Return whether `module` is neither the package or file called `home`, nor of that package, nor installed."""
    package, beside = os.path.realpath(home), os.path.join(os.path.realpath(home.parent), home.name)
    own = any(place == package or place.startswith((package + os.sep, beside + ".")) for place in _places(module))
    return not own and not is_installed(module)


def _folders(module: ModuleType) -> list[str]:
    try:
        return list(getattr(module, "__path__", ()))
    except (TypeError, KeyError):  # a namespace package whose parent is gone
        return []


def _places(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    places = [file] if isinstance(file, str) else _folders(module)
    return [_installed_place(place) if _looks_installed(place) else os.path.realpath(place) for place in places]


def _looks_installed(place: str) -> bool:
    """Return whether a path not made real yet says what `is_installed_at` asks a real one, in a tenth of its time."""
    return place.startswith(_installed_folders()) or any(part in place for part in _INSTALLED_PARTS)


@functools.cache
def _installed_place(place: str) -> str:
    """Return the real path of an installed file: there are thousands, and they stay where they are."""
    return os.path.realpath(place)


def lies_in(module: ModuleType, tree: Path) -> bool:
    """Return whether `module`, or a folder of it where it is a namespace, is in `tree`."""
    return _is_below(module, os.path.realpath(tree))


def _is_below(module: ModuleType, real: str) -> bool:
    return any(place == real or place.startswith(real.rstrip(os.sep) + os.sep) for place in _places(module))


def is_installed(module: ModuleType) -> bool:
    """Return whether `module` is built in, or lies in the standard library or among installed packages."""
    places = _places(module)
    if not places:
        return not hasattr(module, "__path__")
    return any(is_installed_at(place) for place in places)


def is_installed_at(place: str) -> bool:
    """Return whether a file or folder lies in the standard library or among installed packages."""
    return place.startswith(_installed_folders()) or not INSTALLED.isdisjoint(Path(place).parts)


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)


def _refuse_installed(name: str, module: ModuleType, layout: Layout) -> None:
    top = name.partition(".")[0]
    if top == "dbatch" or top in sys.stdlib_module_names or is_installed(module):
        where = next(iter(_places(module)), "built in")
        raise StrategyError(f"{layout.file}: package name '{top}' is taken by {where}; rename the folder")
