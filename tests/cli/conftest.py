"""A small market of three securities, and strategies in a folder, as users have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def quotes_and_trades(seed: int, rows: int = 3_000) -> pd.DataFrame:
    """Events of two days around a price of 10, thick enough for the default parameters."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(10 * 3600, 14 * 3600, rows))
    days = np.repeat([0, 1], [rows // 2, rows - rows // 2])
    kinds = rng.choice(["BID", "ASK", "TRADE"], rows)
    tick = {"BID": -1, "ASK": 1, "TRADE": 0}
    steps = rng.integers(-2, 3, rows) + np.array([tick[kind] for kind in kinds])
    start = np.datetime64("2025-04-14", "ns")
    return pd.DataFrame(
        {
            "timestamp": start + (days * 86_400 + seconds).astype("timedelta64[s]"),
            "type": kinds,
            "price": np.round(10 + steps * 0.01, 2),
            "volume": rng.integers(5_000, 90_000, rows),
        }
    )


@pytest.fixture(scope="session")
def make_ticks() -> Callable[..., Path]:
    """Make below a folder the folder `ticks` with a file for each of the names."""

    def make(below: Path, *names: str) -> Path:
        folder = below / "ticks"
        folder.mkdir()
        for seed, name in enumerate(names):
            quotes_and_trades(seed).to_parquet(folder / f"{name}.parquet")
        return folder

    return make


@pytest.fixture
def ticks(tmp_path: Path, make_ticks: Callable[..., Path]) -> Path:
    """A folder with aaa.parquet, bbb.parquet and ccc.parquet."""
    return make_ticks(tmp_path, "aaa", "bbb", "ccc")


@pytest.fixture(scope="session")
def summary() -> Callable[[Path], pd.DataFrame]:
    """Read `backtest_summary.csv` of an output folder, by security, with its cells as they stand."""

    def read(folder: Path) -> pd.DataFrame:
        return pd.read_csv(folder / "backtest_summary.csv", keep_default_na=False, index_col="security")

    return read


HANDLERS = '''"""Strategies that misbehave on one security."""

import os
import sys
import time


def counting(security, chunk, orderbook, state):
    trades = state.setdefault("trades", [])
    for row in chunk.itertuples(index=False):
        if row.type == "trade":
            trades.append(
                {"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": 1,
                 "realized_pnl": 0.0, "position": len(trades) + 1, "pnl": 0.0}
            )
    return state


def faulty(fault):
    def handler(security, chunk, orderbook, state):
        if security == "BBB":
            return fault(state)
        return counting(security, chunk, orderbook, state)

    return handler


def create_counting_handler(config):
    return counting


def raises(state):
    raise KeyError("adj_close")


def create_raising_handler(config):
    return faulty(raises)


def create_misbehaving_handler(config):
    faults = {"RAISING": raises, "EXITING": lambda state: sys.exit(3), "FORGETFUL": lambda state: None}

    def handler(security, chunk, orderbook, state):
        return faults.get(security, lambda state: counting(security, chunk, orderbook, state))(state)

    return handler


def create_dying_handler(config):
    return faulty(lambda state: os._exit(9))


def create_napping_handler(config):
    def handler(security, chunk, orderbook, state):
        time.sleep(config[security].get("nap", 0.5))
        return counting(security, chunk, orderbook, state)

    return handler
'''


@pytest.fixture(scope="session")
def make_strategies() -> Callable[[Path], Path]:
    """Make below a folder the folder `my_strategies` with the file of plain handlers."""

    def make(below: Path) -> Path:
        folder = below / "my_strategies"
        folder.mkdir()
        (folder / "handlers.py").write_text(HANDLERS)
        return folder

    return make


@pytest.fixture
def strategies(tmp_path: Path, make_strategies: Callable[[Path], Path]) -> Path:
    """A folder with one file of plain handlers: counting, raising, misbehaving, dying, napping."""
    return make_strategies(tmp_path)
