"""A small market, the strategies of this folder, and a run's results to compare."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dbatch.batch import RunRequest, run
from dbatch.engine.execute import Execution

STRATEGIES = Path(__file__).parent / "faulty"
ROWS = {"aaa": 301, "bbb": 333, "ccc": 347}


def events(rows: int, seed: int) -> pd.DataFrame:
    """Events of two days, a second apart, every third of them a trade, at prices from 9.90 to 10.10."""
    numbers = np.arange(rows)
    seconds = 36_000 + numbers + np.where(numbers < rows // 2, 0, 86_400)
    return pd.DataFrame(
        {
            "timestamp": np.datetime64("2025-04-14", "ns") + seconds.astype("timedelta64[s]"),
            "type": np.array(["trade", "bid", "ask"])[numbers % 3],
            "price": np.round(10 + np.random.default_rng(seed).integers(-10, 11, rows) / 100, 2),
            "volume": 100,
        }
    )


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three securities with 101, 111 and 116 trades: no sum of them is a multiple of ten."""
    folder = tmp_path_factory.mktemp("market") / "ticks"
    folder.mkdir()
    for seed, (name, rows) in enumerate(ROWS.items()):
        events(rows, seed).to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def ask(market: Path) -> Callable[..., RunRequest]:
    """Make the request to run one of the strategies of this folder over the small market."""

    def request(strategy: str, **changes: object) -> RunRequest:
        asked = {
            "data": str(market),
            "strategy_paths": (str(STRATEGIES),),
            "execution": Execution(workers=2, dashboard=False),
            **changes,
        }
        return RunRequest(strategy, **asked)

    return request


@pytest.fixture(scope="session")
def good_run(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of `sound` over the small market; not to be changed."""
    folder = tmp_path_factory.mktemp("good") / "out"
    serial = Execution(serial=True)
    outcome = run(
        RunRequest("sound", str(market), strategy_paths=(str(STRATEGIES),), output_dir=str(folder), execution=serial)
    )
    assert outcome.counts == {"success": 3}
    return folder


@pytest.fixture
def pair(good_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of the results of `sound`."""
    sides = tmp_path / "left", tmp_path / "right"
    for side in sides:
        shutil.copytree(good_run, side)
    return sides
