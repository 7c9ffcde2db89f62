"""The generated loop: what it asks of a strategy, what it carries between calls, and when it is compiled anew."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

import dbatch
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine import job
from dbatch.engine.job import JobResult, run_job
from dbatch.engine.kernel import compile_kernel, flatten, kernel_sources_hash
from dbatch.engine.sources import reached_sources
from dbatch.errors import StrategyError
from dbatch.sim import Event, Fill, Level, no_fill
from dbatch.strategies import EventStrategy
from dbatch_market_making.v1_baseline import create_v1_baseline_handler
from dbatch_market_making.v2_1_stop_loss import create_v2_1_stop_loss_handler

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
BID, ASK, TRADE = 0, 1, 2


# What it asks of a strategy.


class Params(NamedTuple):
    size: int


class State(NamedTuple):
    seen: int


class WithText(NamedTuple):
    seen: int
    label: str


class WithMaybe(NamedTuple):
    level: Level
    limit: float | None


class Deeper(NamedTuple):
    inner: WithMaybe


@njit(inline="always")
def start(params: Params) -> State:
    return State(0)


@njit(inline="always")
def on_event(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def start_bare(params):  # type: ignore[no-untyped-def]
    return State(0)


@njit(inline="always")
def on_event_bare(params, state, event):  # type: ignore[no-untyped-def]
    return state, (no_fill(),)


@njit(inline="always")
def on_event_one_fill(params: Params, state: State, event: Event) -> tuple[State, Fill]:
    return state, no_fill()


@njit(inline="always")
def on_event_any_fills(params: Params, state: State, event: Event) -> tuple[State, tuple[Fill, ...]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_no_fills(params: Params, state: State, event: Event) -> tuple[State, tuple[int, int]]:
    return state, (0, 0)


@njit(inline="always")
def on_event_state_alone(params: Params, state: State, event: Event) -> State:
    return state


@njit(inline="always")
def on_event_unknown_name(params: Params, state: State, event: Event) -> tuple[Missing, tuple[Fill]]:  # type: ignore[name-defined]  # noqa: F821
    return state, (no_fill(),)


@njit(inline="always")
def on_event_text(params: Params, state: WithText, event: Event) -> tuple[WithText, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def on_event_deeper(params: Params, state: Deeper, event: Event) -> tuple[Deeper, tuple[Fill]]:
    return state, (no_fill(),)


@njit(inline="always")
def start_of_text(params: WithText) -> State:
    return State(0)


def strategy_of(start: Any, on_event: Any) -> EventStrategy:
    return EventStrategy(parameters=Params, bind=lambda given: given, start=start, on_event=on_event)


@pytest.mark.parametrize(
    ("begin", "react"),
    [
        (start_bare, on_event),
        (start, on_event_bare),
        (start, on_event_one_fill),
        (start, on_event_any_fills),
        (start, on_event_no_fills),
        (start, on_event_state_alone),
        (start, on_event_unknown_name),
    ],
)
def test_functions_not_annotated_as_asked_are_refused_with_what_is_asked(begin: Any, react: Any) -> None:
    with pytest.raises(StrategyError) as caught:
        compile_kernel(strategy_of(begin, react))
    assert f"strategy {__name__!r}: annotate start(params: Params) -> State and on_event(" in str(caught.value)


@pytest.mark.parametrize(("begin", "react"), [(start.py_func, on_event), (start, on_event.py_func), (start, None)])
def test_functions_that_are_not_compiled_are_refused(begin: Any, react: Any) -> None:
    with pytest.raises(StrategyError, match="must be compiled with @njit"):
        compile_kernel(strategy_of(begin, react))


@pytest.mark.parametrize(
    ("begin", "react", "field"),
    [
        (start, on_event_text, "WithText.label is <class 'str'>"),
        (start, on_event_deeper, "WithMaybe.limit is float | None"),
        (start_of_text, on_event, "WithText.label is <class 'str'>"),
    ],
)
def test_a_field_that_is_no_scalar_is_named(begin: Any, react: Any, field: str) -> None:
    with pytest.raises(StrategyError) as caught:
        compile_kernel(strategy_of(begin, react))
    assert str(caught.value) == f"{field}, must be int, float, bool or a NamedTuple of them"


class Flags(NamedTuple):
    on: bool
    level: Level
    share: float


def test_nested_scalars_are_flattened_field_by_field() -> None:
    ints, floats = flatten(Flags(True, Level(10.5, 300), 2))
    assert (ints.tolist(), ints.dtype) == ([1, 300], np.int64)
    assert (floats.tolist(), floats.dtype) == ([10.5, 2.0], np.float64)


# What it carries between calls.


def every_row_fills(rows: int, *, rows_a_day: int = 10**9) -> EventBlock:
    """Return bids at 10.00 and trades just as large through them, in turn: with no refill time each trade fills."""
    number = np.arange(rows)
    kinds = np.where(number % 2 == 0, BID, TRADE).astype(np.int8)
    day = 20_192 + number // rows_a_day
    times = day * DAY + (36_000 + number % rows_a_day % 17_000) * SECOND
    prices = 10.0 - number % 7 / 100.0 * (kinds == TRADE)
    return EventBlock(times, kinds, prices, np.where(kinds == BID, 100, 150).astype(np.int64))


BUSY = {"refill_interval_sec": 0, "min_local_currency_before_quote": 0.0, "quote_size": 50}
STOPPED = {**BUSY, "stop_loss_threshold_pct": 0.01}


def run(strategy: EventStrategy, section: dict[str, Any], *blocks: EventBlock) -> JobResult:
    return run_job(strategy, "ABC", section, blocks)


def same(one: JobResult, other: JobResult) -> bool:
    facts = [
        (result.fills.digest(), result.position, result.realized_pnl, result.market_dates, result.rows)
        for result in (one, other)
    ]
    return facts[0] == facts[1]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_state_is_carried_across_many_small_calls(rows: int) -> None:
    block = every_row_fills(401, rows_a_day=40)
    pieces = [block.rows(slice(first, first + rows)) for first in range(0, 401, rows)]
    for create, section in ((create_v1_baseline_handler, BUSY), (create_v2_1_stop_loss_handler, STOPPED)):
        whole = run(create({}), section, block)
        assert len(whole.fills) > 100
        assert same(run(create({}), section, *pieces), whole)


def test_a_job_begins_anew_whatever_ran_before_it() -> None:
    strategy = create_v1_baseline_handler({})
    block = every_row_fills(100)
    assert same(run(strategy, BUSY, block), run(strategy, BUSY, block))


@pytest.mark.parametrize("room", [2, 3, 5, 64])
def test_more_fills_than_there_is_room_for_in_one_call_are_all_kept(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    block = every_row_fills(1_000)
    whole = run(create_v1_baseline_handler({}), BUSY, block)
    assert len(whole.fills) == 500

    monkeypatch.setattr(job, "_FILL_ROOM", room)

    assert same(run(create_v1_baseline_handler({}), BUSY, block), whole)


@pytest.mark.parametrize("days", [511, 512, 513, 1_300])
def test_market_days_are_counted_past_what_one_call_has_room_for(days: int) -> None:
    block = every_row_fills(4 * days, rows_a_day=4)
    result = run(create_v1_baseline_handler({}), BUSY, block)
    assert (result.market_dates, len(result.fills)) == (days, 2 * days)


def test_a_day_is_counted_once_however_often_time_goes_back_to_it() -> None:
    days = np.array([20_192, 20_193, 20_192, 20_193, 20_192])
    rows = len(days)
    block = EventBlock(
        days * DAY + 36_000 * SECOND,
        np.full(rows, TRADE, np.int8),
        np.full(rows, 10.0),
        np.ones(rows, np.int64),
    )
    assert run(create_v1_baseline_handler({}), BUSY, block, block).market_dates == 2


def test_rows_without_time_or_a_price_above_zero_are_counted_and_not_seen() -> None:
    block = every_row_fills(4)
    block.timestamps[0] = NOT_A_TIME
    block.prices[1:3] = np.nan, 0.0
    result = run(create_v1_baseline_handler({}), BUSY, block)
    assert (result.rows, result.rows_skipped, result.market_dates, len(result.fills)) == (4, 3, 1, 0)


# When it is compiled anew. Each run is a process of its own, with the cache folder of its test.

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


@pytest.fixture
def run_once(tmp_path: Path, swing: Path) -> Callable[..., dict[str, Any]]:
    """Run the strategy in a new process; give its fills and whether its loop was compiled or came from the cache."""

    def _run_once(first_on_path: Path | None = None) -> dict[str, Any]:
        # Python's own cache of bytecode goes by size and time: with it an edit that keeps both is unseen by Python.
        environment = {**os.environ, "DBATCH_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        if first_on_path is not None:
            environment["PYTHONPATH"] = str(first_on_path)
        finished = subprocess.run(
            [sys.executable, str(tmp_path / "run_once.py"), str(swing.parent)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert finished.returncode == 0, finished.stderr
        result: dict[str, Any] = json.loads(finished.stdout)
        return result

    return _run_once


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


def test_an_edited_helper_takes_effect_at_once_and_unchanged_ones_come_from_the_cache(
    swing: Path, run_once: Callable[..., dict[str, Any]]
) -> None:
    one_lot = {"quantities": [100, -100], "realized": 50.0}
    two_lots = {"quantities": [200, -200], "realized": 100.0}
    compiled = {"compiled": 1, "from_cache": 0}
    cached = {"compiled": 0, "from_cache": 1}
    assert run_once() == {**one_lot, **compiled}
    assert run_once() == {**one_lot, **cached}

    edit_unseen(swing / "sizes.py", "LOTS = 1", "LOTS = 2")
    assert run_once() == {**two_lots, **compiled}

    edit_unseen(swing / "sizes.py", "LOTS = 2", "LOTS = 1")
    assert run_once() == {**one_lot, **cached}


def test_an_edited_building_block_takes_effect_at_once(tmp_path: Path, run_once: Callable[..., dict[str, Any]]) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(Path(dbatch.__file__).parent, ours / "dbatch", ignore=shutil.ignore_patterns("__pycache__"))
    assert run_once(ours) == {"quantities": [100, -100], "realized": 50.0, "compiled": 1, "from_cache": 0}

    edit_unseen(
        ours / "dbatch" / "sim" / "position.py",
        "realized = (price - entry) * closed",
        "realized = (entry - price) * closed",
    )
    assert run_once(ours) == {"quantities": [100, -100], "realized": -50.0, "compiled": 1, "from_cache": 0}


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
        found = dict(reached_sources(importlib.import_module("using_helper")))
    finally:
        for name in files:
            sys.modules.pop(name, None)
    assert found["near_helper"] == files["near_helper"]
    assert found["using_helper"] == files["using_helper"]
    assert set(found) <= set(files)


def test_the_hash_of_a_built_in_strategy_covers_plugin_and_building_blocks() -> None:
    names = [name for name, _ in reached_sources(importlib.import_module("dbatch_market_making.v1_baseline"))]
    assert {"dbatch.sim.position", "dbatch.sim.queue", "dbatch_market_making.quoting"} <= set(names)
    assert names == sorted(names)


def test_the_hash_of_sources_is_that_of_the_strategy() -> None:
    first, second = create_v1_baseline_handler({}), create_v2_1_stop_loss_handler({})
    assert kernel_sources_hash(first) == kernel_sources_hash(create_v1_baseline_handler({"A": {}}))
    assert kernel_sources_hash(first) != kernel_sources_hash(second)
