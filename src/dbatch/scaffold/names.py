"""What a new strategy may be called: a package, a folder, a function and a command's argument bear the name at once."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from dbatch.errors import UsageError

MAX_LENGTH = 40
_WELL_FORMED = re.compile(r"[a-z](?:[a-z0-9_]*[a-z0-9])?")
_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
_WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul", *_PORTS})
_MEANS_MORE = frozenset({"conftest", "data", "handler", "output", "plugins", "setup", "test", "tests"})


def check_name(name: str, taken: Mapping[str, str]) -> None:
    """Raise UsageError, with a name that would do, unless `name` can be a new strategy's.

    `taken` maps the names of the strategies that are found to where they are from.
    """
    fault = _fault(name, taken)
    if fault is None:
        return
    guesses = [guess for guess in _near(name) if _fault(guess, taken) is None]
    hint = f"; did you mean '{guesses[0]}'?" if guesses else ""
    raise UsageError(f"strategy name '{name}' {fault}{hint}")


def _fault(name: str, taken: Mapping[str, str]) -> str | None:
    if not _WELL_FORMED.fullmatch(name):
        return "must be lower-case letters, digits and '_', a letter first and no '_' last"
    if len(name) > MAX_LENGTH:
        return f"has {len(name)} characters, must have no more than {MAX_LENGTH}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "is a word of the Python language"
    if name in _WINDOWS_DEVICES:
        return "is reserved by Windows"
    if name in _MEANS_MORE:
        return "means something else to dbatch or pytest"
    if name in taken:
        return f"is taken: there is one from {taken[name]}"
    if place := _importable_from(name):
        return f"is taken by a Python module ({place}), which it would hide"
    return None


def _near(name: str) -> list[str]:
    """Return well-formed names near `name`, the nearest first; none where nothing of it can be kept."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    humps = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", letters)
    words = re.sub(r"[^a-z0-9]+", "_", humps.lower()).strip("_")
    if not words:
        return []
    if words[0].isdigit():
        words = f"strategy_{words}"
    return [words[:MAX_LENGTH].rstrip("_"), f"{words}_strategy"]


def _importable_from(name: str) -> str | None:
    """Return where module `name` would be imported from, without importing it; None where there is none.

    A plain folder of that name in the working folder does not count: it is a module by accident only.
    """
    if name in sys.stdlib_module_names:
        return "standard library"
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if spec.origin is None and all(folder.resolve().parent == Path.cwd() for folder in folders):
        return None
    return spec.origin or str(folders[0])
