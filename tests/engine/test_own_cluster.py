"""Our own cluster: in which order it starts jobs, and what its worker processes are spared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest, run
from dbatch.engine.distributed import Pace
from dbatch.engine.execute import Execution
from dbatch.model import Receipt

STRATEGY = '''"""Writes down what it finds in its process."""

import gc
import json
import os

import dask


def create_curious_handler(config):
    def handler(security, chunk, orderbook, state):
        facts = {
            "security": security,
            "trim": os.environ.get("MALLOC_TRIM_THRESHOLD_"),
            "profile": dask.config.get("distributed.worker.profile.interval"),
            "modules": gc.get_freeze_count(),
            "tick": dask.config.get("distributed.admin.tick.interval"),
        }
        with open(config[security]["notes"], "a") as file:
            print(json.dumps(facts), file=file)
        return state

    return handler
'''


@pytest.fixture
def notes(tmp_path: Path, dbatch: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the handler found while four securities were run by one worker process, in the order they were started."""
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    ticks = tmp_path / "ticks"
    ticks.mkdir()
    rng = np.random.default_rng(0)
    for name, rows in (("small", 100), ("large", 4_000), ("tiny", 10), ("medium", 1_000)):
        frame = pd.DataFrame(
            {
                "timestamp": np.datetime64("2025-04-14T10:00", "ns") + np.arange(rows) * np.timedelta64(1, "s"),
                "type": rng.choice(["BID", "ASK", "TRADE"], rows),
                "price": 10 + rng.random(rows),
                "volume": rng.integers(1, 1_000, rows),
            }
        )
        frame.to_parquet(ticks / f"{name}.parquet")
    (tmp_path / "curious.py").write_text(STRATEGY)
    path = tmp_path / "notes.txt"
    dbatch(
        "run", "--strategy", "curious", "--strategy-path", "curious.py", "--data", "ticks", "--workers", "1",
        "--set", f"notes={path}", "--no-dashboard",
    )  # fmt: skip
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_longest_is_started_first_and_workers_are_spared(notes: list[dict[str, object]]) -> None:
    assert [note["security"] for note in notes] == ["LARGE", "MEDIUM", "SMALL", "TINY"]
    assert all(note["modules"] > 10_000 for note in notes), "modules are looked at in each garbage collection"
    assert {(note["trim"], note["profile"], note["tick"]) for note in notes} == {(None, "500ms", "1s")}


def test_long_tasks_are_handed_out_one_by_one_and_short_ones_ahead() -> None:
    def after(*seconds: float) -> int:
        pace = Pace()
        for value in seconds:
            pace = pace.after([Receipt("k", "AAA", "success", runtime_sec=value)])
        return pace.tasks_a_slot

    assert after() == 1
    assert after(2.0, 1.0) == 1
    assert after(0.1, 0.3) == 3  # 0.2 s each: 0.5 s of work is two and a half
    assert after(0.0) == 4


def test_a_tasks_time_is_that_of_all_its_jobs() -> None:
    receipts = [Receipt("k", name, "success", runtime_sec=0.3) for name in ("AAA", "BBB")]

    assert Pace().after(receipts).tasks_a_slot == 1


def test_many_short_jobs_are_all_done(tmp_path: Path) -> None:
    from dbatch.data.sample import sample_path

    for number in range(12):
        (tmp_path / f"s{number}.parquet").write_bytes((sample_path() / "alfa.parquet").read_bytes())

    outcome = run(
        RunRequest(
            "v1_baseline",
            str(tmp_path),
            output_dir=str(tmp_path / "out"),
            execution=Execution(workers=2, dashboard=False),
        )
    )

    assert outcome.counts == {"success": 12}
