"""What tests of disaster share: the scene, and processes that are gone after the test whatever it found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # with importlib's import mode what lies here is no importable name

from chaos_processes import Marked
from chaos_scene import Scene


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Marked]:
    """Starts processes in the test's folder and knows them and their descendants again."""
    if sys.platform != "linux":
        pytest.skip("processes are known by what /proc says of them")
    marked = Marked(tmp_path)
    yield marked
    marked.kill_all()


@pytest.fixture
def scene(tmp_path: Path, processes: Marked) -> Callable[[int], Scene]:
    """Make a batch of so many runs over two securities in the test's folder."""
    return lambda runs: Scene(tmp_path, runs, processes)
