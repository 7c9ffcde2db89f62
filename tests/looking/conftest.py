"""Batches to look at: a plain one of four runs, made of receipts and parts as a driver leaves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dbatch.results.consolidate import consolidate
from dbatch.results.ledger import open_ledger


@pytest.fixture(scope="session")
def write_batch(batches: ModuleType) -> Callable[..., Path]:
    """Make a batch and the files derived from it in a folder, and return the folder; see `results/batches.py`."""

    def write(folder: Path, runs: Any, **options: Any) -> Path:
        batches.make_batch(folder, runs, **options)
        with open_ledger(folder) as ledger:
            consolidate(folder, ledger)
        return folder

    return write


@pytest.fixture(scope="session")
def four_runs(batches: ModuleType) -> list[Any]:
    """Runs over A/B and CCC: size 20 earns most evenly, size 10 less, size 30 loses, size 40 failed over CCC."""
    job, run = batches.MadeJob, batches.MadeRun

    def earning(*daily: float) -> dict[str, Any]:
        return {"A/B": job(daily=daily), "CCC": job(daily=daily)}

    return [
        run(earning(1.0, -0.5, 1.5), run_id="size_10", parameters={"size": 10, "note": "x"}),
        run(earning(10.0, 20.0, 15.0), run_id="size_20", parameters={"size": 20, "note": "x"}),
        run(earning(-1.0, -2.0, -1.5), run_id="size_30", parameters={"size": 30, "note": "x"}),
        run(
            {"A/B": job(), "CCC": job("failed", error="KeyError: 'adj_close'")},
            run_id="size_40",
            parameters={"size": 40, "note": "x"},
        ),
    ]


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory, write_batch: Callable[..., Path], four_runs: list[Any]) -> Path:
    """The batch of `four_runs`; only read it."""
    return write_batch(tmp_path_factory.mktemp("looked-at") / "nightly", four_runs)
