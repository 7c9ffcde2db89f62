"""The entries of `sys.path` that are there for the strategy whose turn it is."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable

from dbatch.plugins.reach import Home

_PUT: set[str] = set()


def put_first(search: tuple[str, ...], homes: Iterable[Home]) -> None:
    """Put `search` at the front of `sys.path`, once, in place of what other strategies put there.

    What would hide the standard library comes after it: see `spare_standard`.
    """
    others = {entry for entry in _PUT if entry not in search}
    _PUT.difference_update(others)
    _PUT.update(entry for entry in search if entry not in sys.path)
    sys.path[:] = [*search, *(entry for entry in sys.path if entry not in search and entry not in others)]
    spare_standard(homes)


def keep_put(entries: Iterable[str]) -> None:
    """Count `entries`, which a strategy itself put on `sys.path`, as its own."""
    _PUT.update(entries)


def spare_standard(homes: Iterable[Home]) -> None:
    """Move a strategy's folders that have a module named as a standard one (`queue.py`) behind the standard library.

    Worker processes, which inherit `sys.path`, would not even start. Where `homes` say that this module is meant
    the folder stays where it is.
    """
    meant = {(str(home.folder), home.name) for home in homes}
    hiding = [
        entry
        for entry in sys.path
        if entry in _PUT and any((entry, name) not in meant for name in _standard_names_in(entry))
    ]
    rest = [entry for entry in sys.path if entry not in hiding]
    end = max((place for place, entry in enumerate(rest, 1) if entry in _standard_folders()), default=len(rest))
    sys.path[:] = [*rest[:end], *hiding, *rest[end:]]


def _standard_names_in(folder: str) -> set[str]:
    try:
        entries = set(os.listdir(folder))
    except OSError:  # no folder, or an archive
        return set()
    names = {entry.removesuffix(".py") for entry in entries} & sys.stdlib_module_names
    return {name for name in names if f"{name}.py" in entries or os.path.isfile(f"{folder}/{name}/__init__.py")}


@functools.cache
def _standard_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")]
    return (*folders, *(os.path.join(folder, "lib-dynload") for folder in folders))
