"""The sequential reference: what its loop hands to a handler, and how it files what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest
from dbatch.data.blocks import NOT_A_TIME
from dbatch.engine.fills import Fills, fill_table
from dbatch.equivalence.columns import digest_of
from dbatch.model import Window
from dbatch.reference.loop import How, run_reference
from dbatch.reference.loop import _table as reference_table

STRATEGIES = """
import sys

SEEN = []


def create_seeing_handler(config):
    def handler(security, chunk, orderbook, state):
        SEEN.append((security, len(chunk)))
        return {"trades": [], "position": len(SEEN)}

    return handler


def create_odd_handler(config):
    def handler(security, chunk, orderbook, state):
        if security == "AAA":
            raise ValueError("no  such\\n luck")
        if security == "BBB":
            return None
        sys.exit(3)

    return handler
"""


@pytest.fixture
def request_for(tmp_path: Path) -> Any:
    (tmp_path / "ticks").mkdir()
    times = np.datetime64("2025-04-14T10:00", "ns") + np.arange(5).astype("timedelta64[s]")
    for name in ("aaa", "bbb", "ccc"):
        frame = pd.DataFrame({"timestamp": times, "type": "trade", "price": 10.0, "volume": 1})
        frame.to_parquet(tmp_path / "ticks" / f"{name}.parquet")
    (tmp_path / "strategies.py").write_text(STRATEGIES)

    def request(strategy: str, **changes: Any) -> RunRequest:
        paths = (str(tmp_path / "strategies.py"),)
        return RunRequest(strategy, str(tmp_path / "ticks"), strategy_paths=paths, **changes)

    return request


def outcomes(request: RunRequest, folder: Path, how: How | None = None) -> dict[str, Any]:
    marks: list[str] = []
    run_reference(request, folder, how or How(), lambda: marks.append("started"), lambda: marks.append("ended"))
    assert marks == ["started", "ended"]
    stored: dict[str, Any] = json.loads((folder / "reference.json").read_text())["securities"]
    return stored


@pytest.mark.parametrize(
    ("how", "calls"),
    [
        (How(), {"AAA": 1, "BBB": 2, "CCC": 3}),
        (How(order=("CCC", "AAA", "BBB")), {"AAA": 2, "BBB": 3, "CCC": 1}),
        (How(chunk_rows=2), {"AAA": 3, "BBB": 6, "CCC": 9}),  # 2, 2 and 1 of five rows
        (How(("BBB", "CCC", "AAA"), 4), {"AAA": 6, "BBB": 2, "CCC": 4}),
    ],
)
def test_jobs_go_one_after_the_other_in_order_and_in_chunks(
    request_for: Any, tmp_path: Path, how: How, calls: dict[str, int]
) -> None:
    found = outcomes(request_for("seeing"), tmp_path / "out", how)
    assert list(found) == ["AAA", "BBB", "CCC"]  # whatever the order of computing
    assert {name: facts["values"]["position"] for name, facts in found.items()} == calls


def test_failures_are_filed_under_their_securities(request_for: Any, tmp_path: Path) -> None:
    found = outcomes(request_for("odd"), tmp_path / "out")
    assert {facts["status"] for facts in found.values()} == {"failed"}
    assert found["AAA"]["error"].endswith("strategies.py:18: ValueError: no such luck")
    assert found["BBB"]["error"] == "the handler returned NoneType, must return the state (a dict)"
    assert found["CCC"]["error"].endswith("SystemExit: 3")
    assert "Traceback" in found["AAA"]["details"]


def test_a_window_without_events_is_a_failure(request_for: Any, tmp_path: Path) -> None:
    found = outcomes(request_for("seeing", securities=["AAA"], window=Window(start_day=30_000)), tmp_path / "out")
    assert found["AAA"]["error"].endswith("aaa.parquet: no event that can be used")


def test_fills_are_kept_bit_for_bit_as_the_engine_keeps_them() -> None:
    fills = Fills(
        timestamps=np.array([NOT_A_TIME, 1_744_624_800_000_000_001]),
        prices=np.array([np.nan, -0.0]),
        quantities=np.array([5, -3]),
        realized=np.array([0.0, np.inf]),
        positions=np.array([5, 2]),
        pnl=np.array([0.1 + 0.2, np.nextafter(1.0, 2.0)]),
    )
    assert digest_of(reference_table(fills_result(fills))) == digest_of(fill_table(fills))


def fills_result(fills: Fills) -> Any:
    from dbatch.engine.job import JobResult

    return JobResult(fills, 2, 0.0, np.array([20_192]), None, 2, 0)
