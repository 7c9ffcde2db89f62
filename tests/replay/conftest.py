"""Small markets, a plain strategy in a file, and runs of them to replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest, run
from dbatch.engine.execute import Execution

Run = Callable[..., Path]

CROSSING = '''"""Buys 5 at each bid and sells them at the next ask; keeps what a trace can show."""

import json


class Desk:
    def __init__(self):
        self.name, self.seen, self.me = "desk", 0, self


def create_crossing_handler(config):
    def handle(security, chunk, orderbook, state):
        for row in chunk.itertuples(index=False):
            orderbook.apply_update(row._asdict())
            state.setdefault("desk", Desk()).seen += 1
            state["last"] = row.timestamp
            if security == config[security].get("breaks_on") and state["desk"].seen == 5:
                give_up(state)
            held = state.get("position", 0)
            if row.type == ("ask" if held else "bid"):
                fill(state, row, -held if held else config[security].get("size", 5))
        return state

    return handle


def fill(state, row, quantity):
    trades = state.setdefault("trades", [])
    state["position"] = state.get("position", 0) + quantity
    trades.append(
        {"timestamp": row.timestamp, "side": "buy" if quantity > 0 else "sell", "fill_price": row.price,
         "fill_qty": abs(quantity), "realized_pnl": 0.0, "position": state["position"], "pnl": 0.0}
    )


def give_up(state):
    json.loads(f"{state['desk'].seen}!")
'''


def events(*rows: str, day: str = "2025-04-14") -> pd.DataFrame:
    """Return events written as "10:00:01 bid 10.00 500"; a price of "-" is missing."""
    cells = [row.split() for row in rows]
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime([f"{day} {time}" for time, *_ in cells]).astype("datetime64[ns]"),
            "type": [kind for _, kind, *_ in cells],
            "price": [np.nan if price == "-" else float(price) for *_, price, _ in cells],
            "volume": [int(volume) for *_, volume in cells],
        }
    )


QUEUE = (
    "10:00:00 bid 10.00 5000",  # we join at the back of 5000
    "10:00:01 ask 10.10 4000",
    "10:00:02 trade 10.00 3000",  # 2000 are still before us
    "10:00:02 bid - 0",  # no price: not seen by the strategy
    "10:00:03 trade 10.00 2000",  # none are
    "10:00:04 trade 10.00 700",  # ours
    "10:00:05 trade 10.10 4500",  # 4000 before our ask, 500 ours
)


def busy(seed: int, rows: int = 600) -> pd.DataFrame:
    """Return random events of two days around a price of 10, thick enough for the built-in strategies."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(10 * 3600, 14 * 3600, rows))
    days = np.repeat([0, 1], [rows // 2, rows - rows // 2])
    kinds = rng.choice(["bid", "ask", "trade"], rows)
    steps = rng.integers(-2, 3, rows) + np.select([kinds == "bid", kinds == "ask"], [-1, 1], 0)
    start = np.datetime64("2025-04-14", "ns")
    return pd.DataFrame(
        {
            "timestamp": start + (days * 86_400 + seconds).astype("timedelta64[s]"),
            "type": kinds,
            "price": np.round(10 + steps * 0.01, 2),
            "volume": rng.integers(5_000, 90_000, rows),
        }
    )


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """A folder with aaa.parquet (busy), bbb.parquet (busy) and queue.parquet (worked out by hand)."""
    folder = tmp_path / "ticks"
    folder.mkdir()
    busy(0).to_parquet(folder / "aaa.parquet")
    busy(1).to_parquet(folder / "bbb.parquet")
    events(*QUEUE).to_parquet(folder / "queue.parquet")
    return folder


@pytest.fixture
def crossing(tmp_path: Path) -> Path:
    """The file of a plain strategy called crossing."""
    folder = tmp_path / "mine"
    folder.mkdir()
    path = folder / "crossing.py"
    path.write_text(CROSSING)
    return path


@pytest.fixture
def ran(tmp_path: Path, ticks: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a strategy over `ticks` (or other data), serially and in this process; returns its output folder."""
    monkeypatch.chdir(tmp_path)

    def carry_out(strategy: str, *, paths: Sequence[Path] = (), data: Path = ticks, **options: Any) -> Path:
        folder = tmp_path / "out"
        request = RunRequest(
            strategy,
            data=str(data),
            strategy_paths=[str(path) for path in paths],
            output_dir=str(folder),
            execution=Execution(serial=True),
            **options,
        )
        run(request)
        return folder

    return carry_out
