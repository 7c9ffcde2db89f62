"""A package of handlers as people already have it, and what to compare its results with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbatch.plugins import modules


@pytest.fixture(scope="session")
def handlers() -> Path:
    """The folder of an ordinary home-made package of strategies that has never heard of dbatch."""
    return Path(__file__).parent / "handlers"


@pytest.fixture(autouse=True)
def _its_modules_are_forgotten() -> Iterator[None]:
    """Undo what a test imported from a strategy path: the next one starts as a process of its own would."""
    before, path = dict(modules.LOADED), list(sys.path)
    yield
    modules.forget([key for key in modules.LOADED if key not in before and key[0] is not None])
    for name in [name for name in sys.modules if name.partition(".")[0] in ("handlers", "src")]:
        del sys.modules[name]  # with the packages without `__init__.py`, which have no file
    sys.path[:] = path
