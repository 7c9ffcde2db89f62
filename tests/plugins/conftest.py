"""Strategy trees as people have them, in a temporary folder; what a test imports is undone after it."""

import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dbatch.plugins import modules, search_path

BASE = '''
"""Shared by all strategies."""


class BaseStrategy:
    def __init__(self, config):
        self.config = config
'''
STRATEGY = """
from ..base_strategy import BaseStrategy

SIGN = 1


class V1Strategy(BaseStrategy):
    def on_chunk(self, chunk):
        return SIGN * len(chunk)
"""
HANDLER = '''
"""Quotes on both sides of the book."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../.."))

from strategies.v1_baseline.strategy import V1Strategy as Absolute

from .strategy import V1Strategy


def create_v1_handler(config=None):
    strategy = V1Strategy(config)
    assert Absolute is V1Strategy

    def handler(security, chunk, orderbook, state):
        state = dict(state)
        state["seen"] = state.get("seen", 0) + strategy.on_chunk(chunk)
        state["config"] = strategy.config
        return state

    return handler
'''


@pytest.fixture
def write():
    """Write files, given by relative name, below a folder; return the folder."""

    def _write(folder: Path, files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return folder

    return _write


@pytest.fixture
def package_tree(tmp_path, write):
    """`repo/strategies/` as a project has it: packages, a base module, absolute and relative imports."""
    write(
        tmp_path / "repo" / "strategies",
        {
            "__init__.py": "",
            "base_strategy.py": BASE,
            "v1_baseline/__init__.py": "",
            "v1_baseline/handler.py": HANDLER,
            "v1_baseline/strategy.py": STRATEGY,
        },
    )
    return tmp_path / "repo" / "strategies"


@pytest.fixture
def entry_point():
    """Make an entry point that no distribution announces."""

    def _entry_point(name: str, value: str) -> EntryPoint:
        return EntryPoint(name=name, value=value, group="dbatch.strategies")

    return _entry_point


@pytest.fixture(autouse=True)
def _same_modules_afterwards(tmp_path):
    before, path, loaded, put = dict(sys.modules), list(sys.path), dict(modules.LOADED), set(search_path._PUT)
    yield
    for name in [name for name in sys.modules if name not in before]:
        if modules.lies_in(sys.modules[name], tmp_path):  # installed ones stay whole, whoever imports them first
            del sys.modules[name]
    sys.modules.update(before)
    sys.path[:] = path
    search_path._PUT.intersection_update(put)
    modules.LOADED.clear()
    modules.LOADED.update(loaded)
