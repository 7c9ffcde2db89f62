"""Bars for tests: in words, at random, and the golden ones, read here without dbatch's readers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from dbatch.data.bars import BarBlock

MINUTE = 60_000_000_000
MONDAY = np.datetime64("2024-01-01T00:00", "ns").astype(np.int64)


def block(timestamps: np.ndarray, *prices: np.ndarray) -> BarBlock:
    """Return a block of read-only arrays."""
    columns = [np.ascontiguousarray(timestamps, np.int64), *(np.ascontiguousarray(each, float) for each in prices)]
    for column in columns:
        column.flags.writeable = False
    return BarBlock(*columns)


@pytest.fixture(scope="session")
def bars_of() -> Callable[..., BarBlock]:
    """Bars from rows of (open, high, low, close), a minute apart from Monday 2024-01-01 on, volume 100."""

    def make(*rows: tuple[float, float, float, float], minutes: int = 1) -> BarBlock:
        times = MONDAY + np.arange(len(rows)) * minutes * MINUTE
        return block(times, *np.array(rows, float).reshape(-1, 4).T, np.full(len(rows), 100.0))

    return make


@pytest.fixture(scope="session")
def random_bars() -> Callable[..., BarBlock]:
    """Bars of a random walk; prices in cents, a volume that comes and goes."""

    def make(seed: int, count: int, *, minutes: int = 60, begin: float = 100.0) -> BarBlock:
        rng = np.random.default_rng(seed)
        closes = np.round(begin * np.exp(np.cumsum(rng.normal(0.0, 0.01, count))), 2)
        opens = np.round(np.concatenate([[begin], closes[:-1]]) * np.exp(rng.normal(0.0, 0.002, count)), 2)
        highs = np.round(np.maximum(opens, closes) * np.exp(abs(rng.normal(0.0, 0.004, count))), 2)
        lows = np.round(np.minimum(opens, closes) * np.exp(-abs(rng.normal(0.0, 0.004, count))), 2)
        times = MONDAY + np.arange(count) * minutes * MINUTE
        highs, lows = np.maximum(highs, np.maximum(opens, closes)), np.minimum(lows, np.minimum(opens, closes))
        return block(times, opens, highs, lows, closes, rng.integers(0, 1_000, count))

    return make


@pytest.fixture(scope="session")
def golden_bars(golden: Path) -> Callable[[str], BarBlock]:
    """The golden bars of a file, times as UTC."""

    def read(name: str) -> BarBlock:
        frame = pd.read_csv(golden / "bars" / name, dtype=str).rename(columns=str.lower)
        times = pd.DatetimeIndex(pd.to_datetime(frame.iloc[:, 0], utc=True)).as_unit("ns")
        volumes = frame["volume"].to_numpy(float) if "volume" in frame else np.zeros(len(frame))
        return block(times.asi8, *(frame[name].to_numpy(float) for name in ("open", "high", "low", "close")), volumes)

    return read


@pytest.fixture(scope="session")
def bar_twins() -> ModuleType:
    """The slow twin of BigBar, and bars as a frame."""
    return _neighbour("bar_twins")


@pytest.fixture(scope="session")
def ordinary_twins() -> ModuleType:
    """The slow twins of the ordinary strategies."""
    return _neighbour("ordinary_twins")


@pytest.fixture(scope="session")
def pool_twins() -> ModuleType:
    """The slow twins of the pool's templates and of its engine."""
    return _neighbour("pool_twins")


def _neighbour(name: str) -> ModuleType:
    """Return a module beside this one, loaded from its file: with importlib's import mode it is no importable name."""
    spec = importlib.util.spec_from_file_location(f"dbatch_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
