"""What tests of disaster share: the scene, and processes that are gone after the test whatever it found."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def load(name: str) -> ModuleType:
    """Load a module from its file here: with importlib's import mode it is no importable name."""
    spec = importlib.util.spec_from_file_location(f"dbatch_chaos_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chaos() -> ModuleType:
    """The module of the scene."""
    return load("scene")


@pytest.fixture(scope="session")
def moments() -> Any:
    """The class of copies of a folder at every moment."""
    return load("moments").Moments


@pytest.fixture
def processes(tmp_path: Path, chaos: ModuleType) -> Iterator[Any]:
    """Starts processes in the test's folder and knows them and their descendants again."""
    if sys.platform != "linux":
        pytest.skip("processes are known by what /proc says of them")
    marked = chaos.Marked(tmp_path)
    yield marked
    marked.kill_all()


@pytest.fixture
def scene(tmp_path: Path, chaos: ModuleType, processes: Any) -> Callable[[int], Any]:
    """Make a batch of so many runs over two securities in the test's folder."""
    return lambda runs: chaos.Scene(tmp_path, runs, processes)
