"""What a strategy's file imports from around it, found by reading: which files, and which folders they start in.

People start their backtests from somewhere: a script's folder, the project's root, with a `PYTHONPATH`. What they
import absolutely is looked for where that can have been: from the strategy's folder upwards, up to the project's.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path

from dbatch.plugins.sources import ImportedModule, files_of, package_of, read_source

UNPACKED = ".dbatch-unpacked"
"""Marks a folder in which strategies that arrived here are unpacked: what lies above it is not theirs."""

INSTALLED = frozenset({"site-packages", "dist-packages"})
MAX_TO_PROJECT = 8
MAX_LEVELS = 4  # where no project is marked
_PROJECT_MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg")
_SUFFIXES = tuple(all_suffixes())


@dataclass(frozen=True)
class Home:
    """A folder in which absolute imports of `name` start.

    `above` says whether it is the strategy's folder or one above it, `whole` whether all that is imported was found
    there, and not only something of that name.
    """

    folder: Path
    name: str
    above: bool
    whole: bool


@dataclass(frozen=True)
class Reach:
    """What a file imports, and what that imports.

    `files` are the Python files, itself first, that lie in the highest folder looked into; `direct` are those that it
    imports itself. `homes` are those of its absolute imports, nearest first; `packages` are the folders in which
    relative ones start; `names` are the first parts of all absolute ones, found or not.
    """

    files: tuple[Path, ...]
    direct: tuple[Path, ...]
    homes: tuple[Home, ...]
    packages: frozenset[Path]
    names: frozenset[str]


def reach_of(file: Path, root: Path) -> Reach:
    """Return what `file`, a strategy found under the strategy path `root`, imports from around it."""
    return _Walk(file, root).reach()


class _Walk:
    """One walk along the imports of a strategy; each folder that is asked for a name is listed once."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file = file
        self._lexical = _upwards(file.parent, root)
        self._highest = self._lexical[-1]
        real = Path(os.path.realpath(file))
        self._above = list(dict.fromkeys([*self._lexical, *(_upwards(real.parent, root) if real != file else [])]))
        self._stems: dict[Path, frozenset[str]] = {}
        self._homes: dict[Home, None] = {}
        self._packages: set[Path] = set()
        self._names: set[str] = set()

    def reach(self) -> Reach:
        direct = self._imported(self._file)
        seen = dict.fromkeys([self._file, *_inits(self._file), *direct])
        pending = list(seen)[1:]
        while pending:
            new = [file for file in self._imported(pending.pop()) if file not in seen]
            seen |= dict.fromkeys(new)
            pending.extend(new)
        order = {folder: place for place, folder in enumerate(self._above)}
        return Reach(
            files=tuple(file for file in seen if file == self._file or self._is_near(file)),
            direct=direct,
            homes=tuple(sorted(self._homes, key=lambda home: (not home.above, order.get(home.folder, len(order))))),
            packages=frozenset(self._packages),
            names=frozenset(self._names),
        )

    def _is_near(self, file: Path) -> bool:
        """Return whether `file` has the same place beside the strategy wherever its files are unpacked.

        What was found behind a symbolic link has not, for links do not travel.
        """
        linked = self._above[len(self._lexical) :]
        return file.is_relative_to(self._highest) and not any(file.is_relative_to(folder) for folder in linked)

    def _imported(self, current: Path) -> tuple[Path, ...]:
        lines = read_source(current).imports
        return tuple(dict.fromkeys(file for line in lines for file in self._targets(current, line)))

    def _targets(self, current: Path, line: ImportedModule) -> Iterator[Path]:
        """Yield the files that an import line runs, with the `__init__.py` of the packages on the way to them."""
        if line.level:
            start = package_of(current, line)
            self._packages.add(start)
            for file in files_of(start, line):
                yield file
                yield from _inits(file)
            return
        self._names.add(line.top)
        home = self._home(current, line) if line.top != "dbatch" else None
        if home is not None and not _is_standard(line):
            self._homes[home] = None
            parts = line.module.split(".")
            for length in range(1, len(parts)):
                yield from files_of(home.folder, ImportedModule(0, ".".join(parts[:length]), ()))
            yield from files_of(home.folder, line)

    def _home(self, current: Path, line: ImportedModule) -> Home | None:
        """Return where what `line` names starts: nearest the strategy, else nearest the file that imports it.

        The folder above the highest one counts where that one is itself the package that is named.
        """
        beyond = [self._highest.parent] if line.top == self._highest.name else []
        within = [folder for folder in current.parents if folder.is_relative_to(self._highest)]
        for above, folders in ((True, [*self._above, *beyond]), (False, within)):
            holding = [folder for folder in folders if line.top in self._stems_in(folder)]
            if whole := next((folder for folder in holding if _has(folder, line)), None):
                return Home(whole, line.top, above, whole=True)
            # that a module is missing in a package is better told than that there is no such package
            if part := next((folder for folder in holding if _is_code(folder / line.top)), None):
                return Home(part, line.top, above, whole=False)
        return None

    def _stems_in(self, folder: Path) -> frozenset[str]:
        if folder not in self._stems:
            try:
                entries = os.listdir(folder)
            except OSError:  # a folder that may be passed through, but not be read
                entries = []
            self._stems[folder] = frozenset(entry.partition(".")[0] for entry in entries)
        return self._stems[folder]


def _upwards(folder: Path, root: Path) -> list[Path]:
    """Return `folder` and those above it up to its project, where that is marked, and at least up to `root`.

    The folder of all installed packages is nobody's project: what one of them imports from there is installed.
    """
    above = [folder, *folder.parents][:-1] or [folder]
    last = min(MAX_LEVELS, len(above) - 1)
    user = Path(os.path.expanduser("~"))
    for level, each in enumerate(above):
        if os.path.exists(each / UNPACKED):
            return above[: level + 1]
        if (level <= MAX_TO_PROJECT and _is_project(each)) or (level < last and each == user):
            last = level
            break
        if level and each.name in INSTALLED:
            last = min(last, level - 1)
            break
    return above[: max(last, above.index(root) if root in above else 0) + 1]


def _inits(file: Path) -> Iterator[Path]:
    """Yield the `__init__.py` of the regular packages that `file` lies in."""
    for folder in file.parents:
        if not (folder / "__init__.py").is_file():
            return
        yield folder / "__init__.py"


def _has(folder: Path, line: ImportedModule) -> bool:
    return any(files_of(folder, line, _SUFFIXES))


def _is_code(place: Path) -> bool:
    """Return whether a module, or a folder with Python files that is no project of its own, stands at `place`."""
    if any(os.path.isfile(place.with_name(place.name + suffix)) for suffix in _SUFFIXES):
        return True
    return any(place.glob("*.py")) and not _is_project(place)


def _is_project(folder: Path) -> bool:
    return any(os.path.exists(folder / mark) for mark in _PROJECT_MARKS)


def _is_standard(line: ImportedModule) -> bool:
    """Return whether the standard library is meant: by `json.decoder`, but not by `code.prices`.

    A module that people named as one of those is meant where they take what the text of the standard one has nowhere.
    """
    if line.top not in sys.stdlib_module_names:
        return False
    stdlib = Path(sysconfig.get_path("stdlib"))
    if "." in line.module:
        return _has(stdlib, line)
    home = stdlib / line.top
    file = next((file for file in (home.with_suffix(".py"), home / "__init__.py") if file.is_file()), None)
    words = None if file is None else frozenset(re.findall(r"\w+", file.read_text("utf-8", "replace")))
    return words is None or all(name in words or name == "*" or _is_code(home / name) for name in line.names)
