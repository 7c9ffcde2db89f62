"""How files under a strategy path become modules: packages keep their dotted name, plain files get one."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbatch.errors import StrategyError
from dbatch.plugins.reach import Reach, reach_of
from dbatch.plugins.sources import package_top, read_source

HANDLER_FILE = "handler.py"
PLAIN_PREFIX = "dbatch_strategy_"
MAX_SEARCHED = 500
_NOT_SEARCHED = frozenset({"data", "output", "test", "tests"})
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages"})


@dataclass(frozen=True)
class Layout:
    """Where one strategy's module is and how it is imported.

    `module` is its dotted name; a `plain` file's says where it is below the root, and is not imported under
    it. `tree` is the folder whose Python files make up the strategy, with those that it imports from around it;
    `alone` is true for a single file, which takes only what it imports. `search` is what goes to the front of
    `sys.path`.
    """

    file: Path
    module: str
    plain: bool
    tree: Path
    alone: bool
    search: tuple[str, ...]
    reach: Reach

    @property
    def base(self) -> Path:
        """The folder that the strategy's files are named from: `tree`, or one that holds it and what is imported."""
        return Path(os.path.commonpath([self.tree, *self.reach.files]))

    @property
    def import_name(self) -> str:
        """The name in `sys.modules`; a plain file's is its stem and a hash of its place, so none meet."""
        if not self.plain:
            return self.module
        place = hashlib.sha256(str(self.file).encode()).hexdigest()[:8]
        return f"{PLAIN_PREFIX}{self.file.stem}_{place}"

    @property
    def packages(self) -> dict[str, Path]:
        """The packages that `module` lies in, outermost first, by dotted name; none for a plain file."""
        names = [] if self.plain else self.module.split(".")[:-1]
        return {".".join(names[: i + 1]): self.file.parents[len(names) - 1 - i] for i in range(len(names))}


@dataclass(frozen=True)
class Candidate:
    """A file that may be a strategy, and the folder in which it was looked for."""

    file: Path
    container: Path


def absolute(path: str) -> Path:
    """Return `path` absolute and without `..`, with `~` expanded; symbolic links stay as they are."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def candidates(root: Path) -> Iterator[Candidate]:
    """Yield the files that may be strategies: those directly in `root`, then those in the folders below it.

    Plain files are looked for one folder deeper, `handler.py` with up to two folders above its own. Folders of
    tests, data and output are not searched, and no more than MAX_SEARCHED; nor is a strategy's own folder.
    """
    yield from _direct(root)
    if (root / HANDLER_FILE).is_file():
        return
    first = list(itertools.islice(_searched(root), MAX_SEARCHED))
    second = (below for folder in first for below in _searched(folder))
    for folder in first:
        yield from _direct(folder)
    for folder in itertools.islice(second, MAX_SEARCHED - len(first)):
        yield from _handlers(folder)


def separate_roots(folder: Path) -> Iterator[Path]:
    """Yield strategy paths that cover the strategies in `folder`, each with as little code beside it as may be.

    They are the files and folders directly in it; but below such a folder a package is a path of its own, so that
    a project's tests are no part of the strategy.
    """
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py" and not file.name.startswith(".") and file.is_file():
            yield file
    for below in itertools.islice(subfolders(folder), MAX_SEARCHED):
        if below.name not in _NOT_SEARCHED:
            with contextlib.suppress(StrategyError, OSError):  # one that cannot be read offers nothing
                yield from dict.fromkeys(_own_root(below, candidate.file) for candidate in candidates(below))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in `folder` that can hold source, by name: no hidden ones, caches, environments."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise StrategyError(f"{folder}: cannot be read: {error.strerror or error}") from error
    return [entry for entry in entries if entry.is_dir() and not _skipped(entry)]


def place(root: Path, candidate: Candidate) -> Layout:
    """Return how the candidate found under `root` is imported.

    A package is climbed while its folder holds `__init__.py`, as far as relative imports reach, and to where absolute
    imports of it start; else a folder of packages counts as a namespace package, but `name/name/__init__.py` is a
    project and its package.
    """
    file, folder = candidate.file, candidate.file.parent
    reach = reach_of(file, root)
    height = min(_height(candidate, reach), len(folder.parts) - 1)
    top = folder.parents[height - 1] if height else folder
    packages = folder.relative_to(top).parts
    search = [
        *(home.folder for home in reach.homes if home.above),
        *_search(root, folder, top),
        *(home.folder for home in reach.homes if not home.above),
    ]
    return Layout(
        file=file,
        module=".".join((*packages, file.stem)) if height else _plain_module(root, file),
        plain=height == 0,
        tree=_higher(top / packages[0], folder if root.is_file() else root) if height else _folder_of(root),
        alone=root.is_file() and height == 0,
        search=tuple(dict.fromkeys(str(entry) for entry in search)),
        reach=reach,
    )


def _height(candidate: Candidate, reach: Reach) -> int:
    """Return how many folders, from the file's own upwards, are packages that its module lies in."""
    file, folder = candidate.file, candidate.file.parent
    depth = len(folder.parts)
    is_handler = file.name == HANDLER_FILE
    beside = sorted(folder.glob("*.py")) if is_handler else [file]
    height = max(
        depth - len(package_top(folder).parts),
        max((read_source(path).relative_level for path in beside), default=0),
        1 if is_handler else 0,
    )
    if height == 0:
        return 0
    absolute = [
        depth - len(home.folder.parts)
        for home in reach.homes
        if home.whole and folder.is_relative_to(home.folder / home.name)
    ]
    relative = [depth - len(package.parts) + 1 for package in reach.packages if folder.is_relative_to(package)]
    guessed = 2 if is_handler and not absolute and _is_namespace(candidate.container, folder) else 0
    return max(height, guessed, *absolute, *relative)


def find(root: str, module: str) -> Layout:
    """Return the layout of `module` under the strategy path `root`; raise StrategyError if it is gone."""
    path = Path(root)
    if path.is_file():
        return place(path, Candidate(path, path.parent))
    if path.is_dir():
        for candidate in candidates(path):
            if f".{'.'.join(candidate.file.with_suffix('').parts)}".endswith(f".{module}"):
                layout = place(path, candidate)
                if layout.module == module:
                    return layout
    raise StrategyError(f"{root}: strategy module '{module}' is no longer there")


def _own_root(folder: Path, file: Path) -> Path:
    above = package_top(file.parent)
    package = above.joinpath(*file.parent.relative_to(above).parts[:1])
    return package if package.is_relative_to(folder) and package != above else folder


def _direct(folder: Path) -> Iterator[Candidate]:
    if (folder / HANDLER_FILE).is_file():
        yield Candidate(folder / HANDLER_FILE, folder)
        return
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py" and not file.name.startswith(".") and file.is_file():
            yield Candidate(file, folder)
    yield from _handlers(folder)


def _handlers(folder: Path) -> Iterator[Candidate]:
    for below in subfolders(folder):
        if (below / HANDLER_FILE).is_file():
            yield Candidate(below / HANDLER_FILE, folder)


def _searched(folder: Path) -> Iterator[Path]:
    for below in subfolders(folder):
        if below.name not in _NOT_SEARCHED and not (below / HANDLER_FILE).is_file():
            yield below


def _skipped(folder: Path) -> bool:
    name = folder.name
    return name.startswith(".") or name in _SKIPPED_FOLDERS or (folder / "pyvenv.cfg").is_file()


def _importable(folder: Path) -> bool:
    return bool(folder.name) and "." not in folder.name and folder.name not in sys.stdlib_module_names


def _is_namespace(container: Path, folder: Path) -> bool:
    """Return whether `folder`, found in `container`, is taken for a package in a namespace of the container's name."""
    is_project = container.name == folder.name and (folder / "__init__.py").is_file()
    return container == folder.parent and _importable(container) and not is_project


def _folder_of(root: Path) -> Path:
    return root.parent if root.is_file() else root


def _higher(first: Path, second: Path) -> Path:
    return first if len(first.parts) <= len(second.parts) else second


def _plain_module(root: Path, file: Path) -> str:
    return ".".join(file.relative_to(_folder_of(root)).with_suffix("").parts)


def _search(root: Path, folder: Path, top: Path) -> Iterator[Path]:
    yield top
    if root.is_dir():
        yield root.parent
        yield root
    else:
        yield folder
