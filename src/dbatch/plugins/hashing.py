"""Which files a strategy is made of, and one hash over their names and contents."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from dbatch.errors import StrategyError
from dbatch.model import StrategyRef
from dbatch.plugins.layout import Layout, find, subfolders

MAX_FILES = 2_000


def source_hash(files: Mapping[str, bytes]) -> str:
    """Return a SHA-256 in hex over the relative names and contents of `files`, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = files[name]
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def shipped_files(ref: StrategyRef) -> dict[str, bytes]:
    """Return the contents of the strategy's Python files by name, relative to the folder they are shipped as.

    For an installed strategy: the files of its whole top-level package.
    """
    if ref.root is None:
        return read_files(installed_files(ref.module))
    return read_files(layout_files(find(ref.root, ref.module)))


def layout_files(layout: Layout) -> dict[str, Path]:
    """Return the files that make up a strategy from a path, by name relative to the layout's base."""
    in_tree = iter(()) if layout.alone else _python_files(layout.tree)
    return _limited(layout.base, chain(layout.reach.files, in_tree))


def installed_files(module: str) -> dict[str, Path]:
    """Return the files of the top-level package of `module`, by name relative to the package's parent."""
    top = module.partition(".")[0]
    for location in package_locations(top):
        if location.is_file():
            return {location.name: location}
        files = _limited(location.parent, _python_files(location))
        if files:
            return files
    raise StrategyError(f"module '{module}' is not installed: no package '{top}' was found")


def package_locations(top: str) -> list[Path]:
    """Return where the top-level package or module `top` lies, without importing it; empty if unknown."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(location) for location in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []


def read_files(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the contents of `files` by name; raise StrategyError for one that cannot be read."""
    contents = {}
    for name, path in files.items():
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise StrategyError(f"{path}: cannot be read: {error.strerror or error}") from error
    return contents


def _limited(base: Path, paths: Iterable[Path]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in paths:
        files[path.relative_to(base).as_posix()] = path
        if len(files) > MAX_FILES:
            hint = "give --strategy-path a folder nearer to the strategy"
            raise StrategyError(f"{base}: holds more than {MAX_FILES} Python files; {hint}")
    return files


def _python_files(folder: Path) -> Iterator[Path]:
    pending = [folder]
    while pending:
        current = pending.pop()
        pending.extend(below for below in subfolders(current) if not below.is_symlink())
        for path in current.glob("*.py"):
            if path.is_file() and not path.name.startswith("."):
                yield path
