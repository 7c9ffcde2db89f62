"""A new strategy's package on disk: all of it or nothing, and never over what is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final, Literal

from dbatch.errors import StrategyError, UsageError
from dbatch.plugins.discovery import PLUGINS_FOLDER, list_strategies, search_paths
from dbatch.plugins.listing import list_path
from dbatch.scaffold.names import check_name

Kind = Literal["compiled", "python"]

_FILES: Final = {  # what a template becomes, in the package's folder
    "common/README.md": "README.md",
    "common/pyproject.toml": "pyproject.toml",
    "common/conftest.py": "conftest.py",
    "common/package.py": "$name/__init__.py",
    "$kind/handler.py": "$name/handler.py",
    "common/test_strategy.py": "tests/test_$name.py",
}
_SHOWN = 6


@dataclass(frozen=True)
class NewStrategy:
    """A package that was made: its `folder` in `directory`, and its `files`, as the user would write them.

    `found_by_name` is true where commands given in the working folder find it without a strategy path.
    """

    name: str
    directory: Path
    folder: Path
    files: tuple[Path, ...]
    found_by_name: bool


def new_strategy(name: str, kind: Kind = "compiled", directory: str | Path = PLUGINS_FOLDER) -> NewStrategy:
    """Make the package of a strategy called `name` in `directory`, which is made too, and return what was made.

    Raises UsageError for a name that cannot be used, for a folder that is there already, and for a directory that
    cannot be written; nothing is left behind then.
    """
    directory = Path(directory)
    folder = directory / name
    check_name(name, {})  # before it becomes part of a path
    texts = rendered(name, kind)
    try:
        _refuse_existing(folder)
        check_name(name, _taken(directory))
        _write(directory, name, texts)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror or error}") from error
    return NewStrategy(
        name=name,
        directory=directory,
        folder=folder,
        files=tuple(folder / file for file in texts),
        found_by_name=os.path.abspath(directory) == os.path.abspath(PLUGINS_FOLDER),
    )


def rendered(name: str, kind: Kind) -> dict[str, str]:
    """Return the texts of the package's files by their names in its folder, '/' between the parts."""
    words = {"name": name, "kind": kind}
    templates = files("dbatch.scaffold").joinpath("templates")
    texts = {}
    for template, file in _FILES.items():
        source = templates.joinpath(Template(f"{template}.tmpl").substitute(words))
        texts[Template(file).substitute(words)] = Template(source.read_text(encoding="utf-8")).substitute(words)
    return texts


def _refuse_existing(folder: Path) -> None:
    above = next(parent for parent in folder.parents if parent.exists())
    if not above.is_dir():
        raise UsageError(f"{folder} cannot be made: {above} is a file, must be a folder")
    if not os.path.lexists(folder):
        return
    found = "a file"
    if folder.is_dir():
        names = sorted(os.listdir(folder))
        more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        found = f"a folder with {', '.join(names[:_SHOWN] + more) or 'nothing in it'}"
    raise UsageError(f"{folder} is already there: {found}; choose another name, or another folder with --dir")


def _taken(directory: Path) -> dict[str, str]:
    """Return where each strategy is from that is found in the working folder, or with `directory` as strategy path."""
    listings = list_strategies(search_paths(()))
    with suppress(StrategyError):  # no such folder yet, or no strategy in it
        listings += list_path(str(directory))
    return {listing.name: listing.origin for listing in listings}


def _write(directory: Path, name: str, texts: Mapping[str, str]) -> None:
    """Write the files aside, then rename their folder: whoever looks sees the whole package or none."""
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=directory) as scratch:
            staged = Path(scratch) / name
            for file, text in texts.items():
                target = staged / file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8", newline="\n")
            staged.rename(directory / name)
    except OSError:
        for folder in made:
            with suppress(OSError):  # was not made after all, or is in use by now
                folder.rmdir()
        raise
