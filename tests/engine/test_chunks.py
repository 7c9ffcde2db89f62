"""What a plain handler is given: the same chunks from the source and from the cache, and its own to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data import cache
from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint
from dbatch.engine.alone import run_one
from dbatch.engine.plain import PlainPassage
from dbatch.model import Job, RunContext, Window
from dbatch.plugins.discovery import resolve

DAY = 86_400_000_000_000
HANDLER = '''
def teller(security, chunk, orderbook, state):
    """Fills at the sum of the chunk's prices, as many shares as it has rows; then it spoils the chunk."""
    trades = state.setdefault("trades", [])
    rows = len(chunk)
    trades.append({"timestamp": chunk["timestamp"].iloc[-1], "side": "buy", "fill_price": float(chunk["price"].sum()),
                   "fill_qty": rows, "realized_pnl": 0.0, "position": rows, "pnl": 0.0})
    chunk.loc[:, ["price", "volume"]] = 0
    chunk.loc[:, "timestamp"] = chunk["timestamp"].iloc[0]
    return state


def create_teller_handler(config):
    return teller
'''


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """700 trades of four days, every tenth without a price, in row groups of 150; an empty cache."""
    monkeypatch.setenv("DBATCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_OPEN", type(cache._OPEN)())
    columns = {
        "timestamp": pa.array(20_000 * DAY + np.arange(700) * (DAY // 175), pa.int64()).cast(pa.timestamp("ns")),
        "type": ["trade"] * 700,
        "price": [0.0 if row % 10 == 0 else 1.0 + row for row in range(700)],
        "volume": list(range(700)),
    }
    pq.write_table(pa.table(columns), tmp_path / "aaa.parquet", row_group_size=150)
    (tmp_path / "teller.py").write_text(HANDLER)
    (security,) = open_market(tmp_path / "aaa.parquet").securities
    return Job("0" * 32, security, fingerprint(security.source), "AAA", {})


@pytest.mark.parametrize("window", [Window(), Window(20_001, 20_002)], ids=["all", "two days"])
def test_chunks_are_the_same_from_the_source_and_from_the_cache(tmp_path: Path, job: Job, window: Window) -> None:
    ref = resolve("teller", [str(tmp_path / "teller.py")]).ref
    context = RunContext("run", ref, False, {}, window, 100, str(tmp_path), sweep=True)

    fills = [run_one(context, job).fills for _ in range(3)]
    assert (tmp_path / "cache" / "events").is_dir()
    rows = 700 if window == Window() else 350
    assert fills[0] is not None
    assert fills[0].quantities.tolist() == [90] * (rows // 100) + ([45] if rows % 100 else [])
    assert {fill.digest() for fill in fills if fill is not None} == {fills[0].digest()}


def test_what_a_handler_does_to_a_chunk_does_not_come_back_with_the_same_rows() -> None:
    columns = [np.arange(4) * DAY, np.zeros(4, np.int8), np.arange(1.0, 5.0), np.arange(4)]
    for column in columns:
        column.flags.writeable = False  # as those of the cache are, of which every job gets other views
    block = EventBlock(*columns)
    given: list[dict[str, list[Any]]] = []

    def spoils(security: str, chunk: pd.DataFrame, orderbook: object, state: dict[str, Any]) -> dict[str, Any]:
        given.append(chunk[["price", "volume"]].to_dict("list"))
        chunk.loc[:, "price"] = 0.0
        chunk["more"] = 1
        return state

    for rows in (slice(0, 3), slice(0, 3), slice(1, 4)):
        PlainPassage(spoils, "aaa").replay(block.rows(rows))

    first = {"price": [1.0, 2.0, 3.0], "volume": [0, 1, 2]}
    assert given == [first, first, {"price": [2.0, 3.0, 4.0], "volume": [1, 2, 3]}]
