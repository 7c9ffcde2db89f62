"""The endurance tests and the measurement of overhead find what they look for, and say so when it is not there."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from dbatch.config.batch_file import load_batch
from dbatch.schema import EVENT_COLUMNS

PROJECT = Path(__file__).resolve().parents[1]
MIB = 1 << 20

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def _tool(folder: str, name: str) -> Iterator[ModuleType]:
    """Import a script and its neighbours as Python does that runs it, and forget them afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(PROJECT / "tools" / folder))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.pop(0)
        for other in ("memory", "made_up", "sampling", "backtests_400", "overhead"):
            if other not in before:
                sys.modules.pop(other, None)


@pytest.fixture
def memory() -> Iterator[ModuleType]:
    yield from _tool("soak", "memory")


@pytest.fixture
def sampling() -> Iterator[ModuleType]:
    yield from _tool("soak", "sampling")


@pytest.fixture
def made_up() -> Iterator[ModuleType]:
    yield from _tool("soak", "made_up")


@pytest.fixture
def backtests() -> Iterator[ModuleType]:
    yield from _tool("soak", "backtests_400")


@pytest.fixture
def overhead() -> Iterator[ModuleType]:
    yield from _tool("bench", "overhead")


def found(memory: ModuleType, *own: float, ok: int = 8) -> object:
    """Return how a case of eight runs went whose samples have those MiB of memory of its own, and 100 more resident."""
    statuses = {"success": ok} if ok == 8 else {"success": ok, "failed": 8 - ok}
    return memory.Found(statuses, tuple(memory.Sample(100.0 + each, each) for each in own))


LEVEL = (90.0, 95.0, 100.0, 100.0, 101.0, 99.0, 104.0, 104.0)
RISING = (90.0, 95.0, 100.0, 100.0, 110.0, 110.0, 111.0, 111.0)


def test_memory_within_five_per_cent_of_the_second_quarter_is_flat(memory: ModuleType) -> None:
    case = memory.Case("pool_4620.yaml", "auto", 8, flat=True)

    verdict = memory.verdict("compiled pool", case, 8, found(memory, *LEVEL))

    assert (verdict.own, verdict.holds) == ((100.0, 104.0), True)


def test_memory_that_rises_by_more_breaks_the_bound(memory: ModuleType) -> None:
    case = memory.Case("pool_4620.yaml", "auto", 8, flat=True)

    verdict = memory.verdict("compiled pool", case, 8, found(memory, *RISING))

    assert not verdict.holds  # 111 against 100
    assert "FAILED: must be flat" in memory.table([verdict])


def test_a_leak_that_does_not_show_without_isolation_breaks_it_too(memory: ModuleType) -> None:
    case = memory.Case("leaking_4620.yaml", "worker", 8, flat=False)

    assert memory.verdict("leaking, not isolated", case, 8, found(memory, *RISING)).holds
    assert not memory.verdict("leaking, not isolated", case, 8, found(memory, *LEVEL)).holds


def test_flat_memory_is_not_enough_when_a_run_failed(memory: ModuleType) -> None:
    case = memory.Case("pool_4620.yaml", "auto", 8, flat=True)

    assert not memory.verdict("compiled pool", case, 8, found(memory, *LEVEL, ok=7)).holds


def test_too_few_receipts_are_refused(memory: ModuleType) -> None:
    case = memory.Case("pool_4620.yaml", "auto", 8, flat=True)

    with pytest.raises(ValueError, match="3 receipts, quarters need at least 8"):
        memory.verdict("compiled pool", case, 8, found(memory, 1.0, 1.0, 1.0))


@needs_linux
def test_memory_is_sampled_at_every_receipt(
    memory: ModuleType, made_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made_up.write_market(tmp_path / "data", 1, 30, days=1)

    went = memory.carried_out(memory.CASES["leaking"], 6, 2, tmp_path)

    assert went.statuses == {"success": 6}
    assert len(went.samples) == 3
    assert all(each.rss > each.own > 10.0 for each in went.samples)


@needs_linux
def test_a_sample_counts_memory_in_use_and_processes_below(sampling: ModuleType) -> None:
    before = sampling.sample()
    held = b"\1" * (50 * MIB)
    with subprocess.Popen(["sleep", "60"]) as child:
        members = set(sampling.family(os.getpid()))
        child.kill()

    assert child.pid in members
    assert sampling.sample().own - before.own > 45.0
    assert len(held) == 50 * MIB


def test_made_up_ticks_are_the_same_for_the_same_seed(made_up: ModuleType) -> None:
    ticks = made_up.made_up_ticks(90, days=3, seed=7)

    pd.testing.assert_frame_equal(ticks, made_up.made_up_ticks(90, days=3, seed=7))
    assert not ticks.equals(made_up.made_up_ticks(90, days=3, seed=8))
    assert tuple(ticks.columns) == EVENT_COLUMNS
    assert ticks["timestamp"].is_monotonic_increasing
    assert ticks["timestamp"].dt.date.nunique() == 3
    assert ticks["type"].tolist()[:4] == ["BID", "ASK", "TRADE", "BID"]


def test_the_batches_of_the_endurance_tests_have_as_many_runs_as_they_say(backtests: ModuleType) -> None:
    runs = {path.stem: len(load_batch(str(path)).runs) for path in (PROJECT / "configs").glob("*_4620.yaml")}

    assert runs == {"pool_4620": 4_620, "leaking_4620": 4_620}
    assert len(load_batch(str(backtests.CONFIG)).runs) == backtests.RUNS


def test_four_hundred_backtests_hold_only_when_every_one_succeeded(backtests: ModuleType) -> None:
    took = backtests.Took(100.0, 300.0, 20.0)

    assert backtests.Found(400, 400, took, took).holds
    assert not backtests.Found(400, 399, took, took).holds
    assert not backtests.Found(375, 375, took, took).holds


def test_disk_use_counts_whole_blocks(backtests: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"1")
    (tmp_path / "large").write_bytes(bytes(range(256)) * 8192)

    assert 2.0 < backtests.disk_mb(tmp_path) < 2.1


def test_overhead_is_a_share_of_what_dask_takes_in_the_same_turn(overhead: ModuleType) -> None:
    dask = [overhead.Turn(overhead.Cost(42.0, 50.0), overhead.Cost(2.4, 3.0))]
    ours = [overhead.Turn(overhead.Cost(5.0, 4.9), overhead.Cost(2.0, 2.1))]
    turns = {overhead.NAIVE: dask, "compiled": ours}

    row = overhead.row("compiled", turns, 10_000)

    assert (row.whole_ms, row.whole_ratio) == pytest.approx((0.5, 5.0 / 42.0))
    assert (row.whole_cpu_ms, row.whole_cpu_ratio) == pytest.approx((0.49, 4.9 / 50.0))
    assert (row.wall_ms, row.wall_ratio) == pytest.approx((3.0 / 9_900 * 1e3, 3.0 / 39.6))
    assert (row.cpu_ms, row.cpu_ratio) == pytest.approx((2.8 / 9_900 * 1e3, 2.8 / 47.0))
    assert row.holds


def test_overhead_beyond_a_tenth_breaks_the_target(overhead: ModuleType) -> None:
    turns = {
        overhead.NAIVE: [overhead.Turn(overhead.Cost(42.0, 50.0), overhead.Cost(2.0, 3.0))],
        "plain": [overhead.Turn(overhead.Cost(5.0, 8.0), overhead.Cost(2.0, 3.0))],
    }

    row = overhead.row("plain", turns, 10_000)

    assert row.cpu_ratio == pytest.approx(5.0 / 47.0)
    assert not row.holds


def test_the_batch_of_jobs_that_do_nothing_can_be_read(overhead: ModuleType, tmp_path: Path) -> None:
    overhead.prepare(tmp_path, 250)

    batches = [load_batch(str(tmp_path / f"{way}.json")) for way in overhead.WAYS]

    assert [len(batch.runs) for batch in batches] == [250, 250]
    assert pd.read_parquet(tmp_path / "data" / "one.parquet").shape == (9, 4)
