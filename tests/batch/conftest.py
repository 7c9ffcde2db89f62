"""A small market, a strategy whose parameters say how it ends, and a batch of it in a call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch.carry_out import BatchOutcome, carry_out
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch
from dbatch.config.batch_file import load_batch
from dbatch.engine.execute import Execution

STRATEGY = '''"""Buys at every n-th print and sells at the next one; ends as its parameter `fault` says."""

import os
import random
import sys


def create_turning_handler(config):
    def handler(security, chunk, orderbook, state):
        section = config[security]
        fault = section.get("fault")
        if fault == "raises":
            raise ValueError("as asked")
        if fault == "exits":
            sys.exit(3)
        if fault == "column":
            chunk["adj_close"]
        if fault == "once" and not os.path.exists(section["mark"]):
            open(section["mark"], "w").close()
            raise ValueError("the first time")
        if section.get("prints"):
            print("seen", security)
        size = section.get("size", 1) if not section.get("drawn") else random.randint(1, 1_000_000)
        trades = state.setdefault("trades", [])
        for row in chunk.itertuples(index=False):
            if row.type != "trade":
                continue
            state["seen"] = state.get("seen", 0) + 1
            held = trades[-1]["position"] if trades else 0
            if state["seen"] % section.get("every", 2):
                continue
            gained = held * (row.price - state["paid"]) if held else 0.0
            total = (trades[-1]["pnl"] if trades else 0.0) + gained
            state["paid"] = row.price
            trades.append(
                {"timestamp": row.timestamp, "side": "sell" if held else "buy", "fill_price": row.price,
                 "fill_qty": size if not held else held, "realized_pnl": gained, "position": 0 if held else size,
                 "pnl": total}
            )
        return state

    return handler
'''


def prints(seed: int, rows: int = 40) -> pd.DataFrame:
    """Prints and bids of four days around a price of 10."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2025-04-14T10:00:00", "ns")
    return pd.DataFrame(
        {
            "timestamp": start + (np.arange(rows) * 86_400 * 4 // rows).astype("timedelta64[s]"),
            "type": np.where(np.arange(rows) % 3 == 0, "BID", "TRADE"),
            "price": np.round(10 + rng.normal(0, 0.05, rows), 2),
            "volume": 100,
        }
    )


@pytest.fixture
def make_prints() -> Callable[[int], pd.DataFrame]:
    """Make the events of a security."""
    return prints


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A folder with aaa.parquet and bbb.parquet."""
    folder = tmp_path / "ticks"
    folder.mkdir()
    for seed, name in enumerate(("aaa", "bbb")):
        prints(seed).to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    """The file of the strategy `turning`."""
    path = tmp_path / "turning.py"
    path.write_text(STRATEGY)
    return path


@pytest.fixture
def batch_file(tmp_path: Path, market: Path, strategy: Path) -> Callable[..., Path]:
    """Write a batch file of `turning` over the market, with further fields, and return its path."""

    def write(name: str = "try", **fields: Any) -> Path:
        arguments = {"strategy": "turning", "strategy_path": str(strategy), "data": str(market)}
        base = {**arguments, **fields.pop("base_args", {})}
        if "strategies" in fields:
            del base["strategy"]
        document = {"batch_name": name, "description": "a try", "output_root": "out", "base_args": base, **fields}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        return path

    return write


IN_PLACE = BatchOptions(execution=Execution(serial=True), isolate="none")


@pytest.fixture
def carried(batch_file: Callable[..., Path]) -> Callable[..., BatchOutcome]:
    """Carry out the batch with these fields, one job after the other in this process unless options say otherwise."""

    def run(options: BatchOptions | None = None, redo: tuple[str, ...] = (), **fields: Any) -> BatchOutcome:
        chosen = options or IN_PLACE
        return carry_out(plan_batch(load_batch(batch_file(**fields)), chosen), chosen, redo=redo)

    return run
