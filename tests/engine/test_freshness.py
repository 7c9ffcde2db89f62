"""Compiled code is never stale: each run is a process of its own, with the cache folder of its test."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dbatch
from dbatch.engine.kernel import compile_kernel
from dbatch.engine.loop import generate_loop
from dbatch.engine.sources import reached_sources
from dbatch_market_making.v1_baseline import create_v1_baseline_handler
from dbatch_market_making.v2_1_stop_loss import create_v2_1_stop_loss_handler

HANDLER = '''
from typing import NamedTuple

from numba import njit

from dbatch.sim import TRADE, Event, Fill, Position, execute, flat, no_fill
from dbatch.strategies import EventStrategy

from .rules import quantity_of


class Parameters(NamedTuple):
    size: int = 100


class State(NamedTuple):
    position: Position


def bind(parameters: Parameters) -> Parameters:
    return parameters


@njit(inline="always")
def start(params: Parameters) -> State:
    return State(flat())


@njit(inline="always")
def on_event(params: Parameters, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    if event.kind != TRADE:
        return state, (no_fill(),)
    position, fill = execute(state.position, quantity_of(params.size, state.position.shares), event.price)
    return State(position), (fill,)


def create_swing_handler(config):
    """Buy a size at one trade, sell it at the next."""
    return EventStrategy(parameters=Parameters, bind=bind, start=start, on_event=on_event)
'''
RULES = """
from numba import njit

from . import sizes


@njit(inline="always")
def quantity_of(size, shares):
    return -shares if shares > 0 else size * sizes.LOTS
"""
SIZES = "LOTS = 1\n"
RUN_ONCE = """
import json
import sys

import numpy as np

from dbatch.data.blocks import EventBlock
from dbatch.engine.job import run_job
from dbatch.engine.kernel import compile_kernel
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler

strategy = make_handler(resolve("swing", [sys.argv[1]], entry_points=[]).ref, {})
block = EventBlock(
    np.array([1, 2]), np.full(2, 2, np.int8), np.array([10.0, 10.5]), np.array([1, 1])
)
result = run_job(strategy, "ABC", {}, [block])
stats = compile_kernel(strategy).replay.stats
print(json.dumps({
    "quantities": result.fills.quantities.tolist(),
    "realized": result.realized_pnl,
    "compiled": sum(stats.cache_misses.values()),
    "from_cache": sum(stats.cache_hits.values()),
}))
"""


@pytest.fixture
def swing(tmp_path: Path) -> Path:
    """A user's strategy package whose quantity comes from a helper's helper."""
    folder = tmp_path / "strategies" / "swing"
    folder.mkdir(parents=True)
    files = {"__init__.py": "", "handler.py": HANDLER, "rules.py": RULES, "sizes.py": SIZES}
    for name, text in files.items():
        (folder / name).write_text(text)
    (tmp_path / "run_once.py").write_text(RUN_ONCE)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder that all runs here share, as those of one user do; it is empty at first."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def begin(tmp_path: Path, swing: Path, cache: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin to run the strategy in a new process."""

    def _begin(first_on_path: Path | None = None) -> subprocess.Popen[str]:
        # Python's own cache of bytecode goes by size and time: with it an edit that keeps both is unseen by Python.
        environment = {**os.environ, "DBATCH_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
        if first_on_path is not None:
            environment["PYTHONPATH"] = str(first_on_path)
        command = [sys.executable, str(tmp_path / "run_once.py"), str(swing.parent)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return _begin


def told_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the fills of a run, and whether its loop was compiled or came from the cache."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


@pytest.fixture
def run_once(begin: Callable[..., subprocess.Popen[str]]) -> Callable[..., dict[str, Any]]:
    """Run the strategy in a new process and return what it tells."""
    return lambda *first_on_path: told_by(begin(*first_on_path))


def edit_unseen(path: Path, old: str, new: str) -> None:
    """Replace text in a file so that its size and its time stamps stay what they were."""
    before = path.stat()
    text = path.read_text()
    assert text.count(old) == 1
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


ONE_LOT = {"quantities": [100, -100], "realized": 50.0}
TWO_LOTS = {"quantities": [200, -200], "realized": 100.0}
COMPILED = {"compiled": 1, "from_cache": 0}
CACHED = {"compiled": 0, "from_cache": 1}


def test_two_processes_that_start_cold_compile_once(begin: Callable[..., subprocess.Popen[str]]) -> None:
    found = [told_by(process) for process in (begin(), begin())]
    assert sorted(found, key=lambda each: each["compiled"]) == [{**ONE_LOT, **CACHED}, {**ONE_LOT, **COMPILED}]


def test_an_edited_helper_takes_effect_at_once_and_unchanged_ones_come_from_the_cache(
    swing: Path, run_once: Callable[..., dict[str, Any]]
) -> None:
    run_once()  # whatever is in the cache, now this is

    edit_unseen(swing / "sizes.py", "LOTS = 1", "LOTS = 2")
    assert run_once() == {**TWO_LOTS, **COMPILED}

    edit_unseen(swing / "sizes.py", "LOTS = 2", "LOTS = 1")
    assert run_once() == {**ONE_LOT, **CACHED}

    edit_unseen(swing / "rules.py", "size * sizes.LOTS", "size + sizes.LOTS")
    assert run_once() == {"quantities": [101, -101], "realized": 50.5, **COMPILED}


def test_an_edited_building_block_takes_effect_at_once(tmp_path: Path, run_once: Callable[..., dict[str, Any]]) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(Path(dbatch.__file__).parent, ours / "dbatch", ignore=shutil.ignore_patterns("__pycache__"))
    assert run_once(ours).items() >= ONE_LOT.items()

    edit_unseen(
        ours / "dbatch" / "sim" / "position.py",
        "realized = (price - entry) * closed",
        "realized = (entry - price) * closed",
    )
    assert run_once(ours) == {"quantities": [100, -100], "realized": -50.0, **COMPILED}


@pytest.mark.parametrize(
    "line",
    [
        "from near_helper import RULE",
        "import near_helper",
        "import near_helper as other",
        "from near_helper import *",
        "if True:\n    import near_helper",
        "from between_helper import RULE",
    ],
)
def test_a_helper_is_reached_however_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    files = {
        "using_helper": f"import os\n{line}\n",
        "between_helper": "from near_helper import RULE\n",
        "near_helper": "RULE = 1\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        found = dict(reached_sources([importlib.import_module("using_helper")]))
    finally:
        for name in files:
            sys.modules.pop(name, None)
    assert found["near_helper"].startswith(files["near_helper"])
    assert found["using_helper"].startswith(files["using_helper"])
    assert set(found) <= set(files)


def test_the_hash_of_a_built_in_strategy_covers_plugin_and_building_blocks() -> None:
    names = [name for name, _ in reached_sources([importlib.import_module("dbatch_market_making.v1_baseline")])]
    assert {"dbatch.sim.position", "dbatch.sim.queue", "dbatch_market_making.quoting"} <= set(names)
    assert names == sorted(names)


def test_the_hash_of_sources_is_that_of_the_strategy() -> None:
    first, second = create_v1_baseline_handler({}), create_v2_1_stop_loss_handler({})
    assert compile_kernel(first).sources_hash == compile_kernel(create_v1_baseline_handler({"A": {}})).sources_hash
    assert compile_kernel(first).sources_hash != compile_kernel(second).sources_hash


@pytest.mark.slow
def test_a_constant_that_comes_from_elsewhere_is_part_of_the_loops_name(
    swing: Path, run_once: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (swing / "sizes.py").write_text('import os\n\nLOTS = int(os.environ.get("LOTS", "1"))\n')
    assert run_once()["quantities"] == [100, -100]

    monkeypatch.setenv("LOTS", "3")

    assert run_once()["quantities"] == [300, -300]


def test_the_modules_of_every_type_in_params_and_state_count() -> None:
    loop = generate_loop(create_v1_baseline_handler({}))
    assert {
        "dbatch_market_making.v1_baseline",
        "dbatch_market_making.parameters",
        "dbatch_market_making.quoting",
        "dbatch_market_making.session",
        "dbatch_market_making.state",
        "dbatch.sim.book",
        "dbatch.sim.position",
        "dbatch.sim.queue",
    } == set(loop.modules)
