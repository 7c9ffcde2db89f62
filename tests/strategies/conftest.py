"""The built-in strategies, each beside its slow twin, and streams of events to run both over."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.engine.job import JobResult, run_job

SECURITY = "ABC"


@pytest.fixture(scope="session")
def twins() -> ModuleType:
    """The module of twins, loaded from its file: with importlib's import mode it is no importable name."""
    spec = importlib.util.spec_from_file_location("dbatch_twins", Path(__file__).with_name("twins.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Pair:
    """One strategy twice: `run` gives the compiled one's result, `run_twin` its twin's."""

    create: Callable[[Mapping[str, Any]], Any]
    create_twin: Callable[[Mapping[str, Any]], Callable[..., dict[str, Any]]]

    def run(self, section: Mapping[str, Any], *blocks: EventBlock) -> JobResult:
        return run_job(self.create({SECURITY: section}), SECURITY, section, blocks)

    def run_twin(self, section: Mapping[str, Any], *blocks: EventBlock) -> tuple[JobResult, dict[str, Any]]:
        """Return the twin's result, and the state it ended in."""
        last: dict[str, Any] = {}
        twin = self.create_twin({SECURITY: section})

        def handler(*arguments: Any) -> dict[str, Any]:
            last.update(twin(*arguments))
            return last

        return run_job(handler, SECURITY, section, blocks), last


@pytest.fixture(scope="session")
def pair(twins: ModuleType) -> Callable[[str], Pair]:
    """Give the pair of a strategy by its name."""

    def _pair(strategy: str) -> Pair:
        factory = f"create_{strategy}_handler"
        module = importlib.import_module(f"dbatch_market_making.{strategy}")
        return Pair(getattr(module, factory), getattr(twins, factory))

    return _pair


@pytest.fixture(scope="session")
def busy_days() -> EventBlock:
    """20,000 events of seeded noise over eight days: quotes and trades a tick or two off a drifting price."""
    rng = np.random.default_rng(20_250_414)
    days, rows = 8, 2_500
    # A day runs from 09:55 to 15:00, so that each has events before, within and after every window.
    seconds = np.sort(rng.integers(35_700, 54_000, size=(days, rows)), axis=1)
    seconds -= rng.choice([0, 1, 2], p=[0.96, 0.03, 0.01], size=seconds.shape)
    timestamps = (seconds + (20_192 + np.arange(days))[:, None] * 86_400).ravel() * 1_000_000_000
    drift = 1_000 + np.cumsum(rng.choice([-1, 0, 1], p=[0.06, 0.88, 0.06], size=days * rows))
    kinds = rng.choice([0, 1, 2, 3], p=[0.36, 0.36, 0.27, 0.01], size=days * rows).astype(np.int8)
    side = np.select([kinds == 0, kinds == 1], [-1, 1], rng.choice([-1, 1], size=days * rows))
    prices = (drift + side * rng.integers(1, 3, size=days * rows)) / 100.0
    prices[rng.random(days * rows) < 0.01] = np.nan
    volumes = rng.choice([0, 100, 700, 3_000, 20_000], p=[0.05, 0.3, 0.3, 0.25, 0.1], size=days * rows)
    return EventBlock(timestamps, kinds, prices, volumes.astype(np.int64))
