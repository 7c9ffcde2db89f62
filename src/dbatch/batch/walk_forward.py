"""Walk forward: a batch over each training window, its best parameters over the days that follow, one equity of all.

Each window is two batches in the folder: `train_01` with all runs, `test_01` with the best one. What is finished stays
finished, as in every batch: the same call goes on where one was stopped. The stitched equity is the capital and the
P&L of all test days so far; each test begins without a position, and knows no day before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.batch.defaults import default_data
from dbatch.batch.notebook import finish, plan_of
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch, with_name
from dbatch.batch.walk_windows import WalkWindow, walk_windows
from dbatch.config.batch_file import BatchFile
from dbatch.data.bar_read import load_bars
from dbatch.data.blocks import NOT_A_TIME
from dbatch.data.read import read_events
from dbatch.data.securities import open_data
from dbatch.errors import UsageError
from dbatch.looking.one_run import run_days
from dbatch.metrics.daily import DEFAULT_CAPITAL, daily_ratios
from dbatch.metrics.portfolio import daily_drawdowns
from dbatch.model import Security
from dbatch.results.batch_manifest import json_text
from dbatch.results.columns import csv_bytes
from dbatch.results.consolidate import best_of
from dbatch.results.objective import DEFAULT_OBJECTIVE, objective_of
from dbatch.results.publish import write_atomically

SUMMARY_NAME: Final = "walk_forward.json"
EQUITY_NAME: Final = "walk_forward_equity.csv"
_DAY: Final = 86_400_000_000_000

Load = Callable[[Mapping[str, Any]], BatchFile]
"""Returns the batch of the sweep over the days that further `base_args` name."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Lengths:
    """How long windows are, in days on which there are data; see `walk_windows`."""

    train: int
    test: int
    purge: int = 0
    embargo: int = 0
    anchored: bool = False


@dataclass(frozen=True)
class Step:
    """One window: its dates, the run that was best in training, and what its objective came to in either."""

    number: int
    train_start: str
    train_end: str
    test_start: str
    test_end: str
    run_id: str
    parameters: Mapping[str, Any]
    train_value: float
    test_value: float | None
    test_pnl: float


@dataclass(frozen=True)
class WalkForward:
    """What a walk forward came to: its windows, and the test days of all of them with P&L and equity in currency."""

    folder: Path
    objective: str
    steps: tuple[Step, ...]
    days: np.ndarray
    pnl: np.ndarray
    equity: np.ndarray

    def as_json(self) -> dict[str, Any]:
        """Return the summary; figures are those of the stitched equity."""
        falls = daily_drawdowns(self.pnl[np.newaxis])
        figures = {
            "test_days": len(self.days),
            "total_pnl": math.fsum(self.pnl.tolist()),
            **daily_ratios(self.pnl)._asdict(),
            "max_dd": float(falls.depth[0]),
            "max_dd_pct": float(falls.pct[0]),
        }
        return {
            "schema": "dbatch.walk_forward/1",
            "objective": self.objective,
            "windows": [asdict(step) for step in self.steps],
            **figures,
        }


def walk_forward(
    load: Load, folder: Path, lengths: Lengths, options: BatchOptions, say: Say = lambda text: None
) -> WalkForward:
    """Train and test the sweep that `load` gives over each window, into `folder`, and return what it came to.

    Raises UsageError (and its kinds) for what cannot be planned, and where no run of a training window has a value of
    the objective; else what carrying out a batch raises.
    """
    objective = options.objective or DEFAULT_OBJECTIVE
    chosen = replace(options, objective=objective)
    days = market_days(load({}).document["base_args"])
    steps, found = [], []
    windows = walk_windows(len(days), **asdict(lengths))
    for number, window in enumerate(windows, start=1):
        say(f"window {number} of {len(windows)}")
        step, tested = _step(load, folder, chosen, days, window, number)
        steps.append(step)
        found.append(tested)
    test_days = np.concatenate([each for each, _ in found])
    pnl = np.concatenate([each for _, each in found])
    walked = WalkForward(folder, objective, tuple(steps), test_days, pnl, DEFAULT_CAPITAL + np.cumsum(pnl))
    _write(walked, [len(each) for each, _ in found])
    return walked


def market_days(base_args: Mapping[str, Any]) -> np.ndarray:
    """Return the days with data of any security that `base_args` name, inside their dates: int64 since 1970, rising."""
    origin = base_args.get("data") or default_data()[0]
    market = open_data(origin, bars=base_args.get("bars"), header_row=base_args.get("header_row"))
    names = base_args.get("securities")
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    market = market.select(wanted, base_args.get("max_sheets"))
    days = np.unique(np.concatenate([_days_of(security) for security in market.securities]))
    first, last = (base_args.get(name) for name in ("start_date", "end_date"))
    keep = np.ones(len(days), bool)
    if first is not None:
        keep &= days >= _number(first)
    if last is not None:
        keep &= days <= _number(last)
    found: np.ndarray = days[keep]
    return found


def _days_of(security: Security) -> np.ndarray:
    if security.source.bars:
        return np.unique(load_bars(security).timestamps // _DAY)
    blocks = (block.timestamps[block.timestamps != NOT_A_TIME] // _DAY for block in read_events(security))
    return np.unique(np.concatenate([np.empty(0, np.int64), *map(np.unique, blocks)]))


def _step(
    load: Load, folder: Path, options: BatchOptions, days: np.ndarray, window: WalkWindow, number: int
) -> tuple[Step, tuple[np.ndarray, np.ndarray]]:
    """Return one window, and the days and P&L of its test."""
    dates = tuple(_date(int(days[place])) for place in vars(window).values())
    trained = load({"start_date": dates[0], "end_date": dates[1]})
    plan = _planned(trained, f"train_{number:02d}", folder, options)
    train = finish(plan, options)
    best = best_of(train.folder)
    if best is None or best["run_id"] is None:
        raise UsageError(f"{train.folder}: no run has a {objective_of(options.objective or DEFAULT_OBJECTIVE).column}")
    base = {**trained.document["base_args"], **best["parameters"], "start_date": dates[2], "end_date": dates[3]}
    document = {
        "batch_name": f"test_{number:02d}",
        "description": f"the best run of train_{number:02d} over the days after it",
        "base_args": base,
        "runs": [{"id": best["run_id"]}],
        "output_root": str(folder),
        **{name: value for name, value in trained.document.items() if name == "seed"},
    }
    test = finish(plan_of(document, options), options)
    result = run_days(test.folder, 0)
    value = (best_of(test.folder) or {}).get("value")
    pnl = np.sum(list(result.pnl.values()), axis=0)
    total = math.fsum(pnl.tolist())
    step = Step(
        number=number,
        train_start=dates[0],
        train_end=dates[1],
        test_start=dates[2],
        test_end=dates[3],
        run_id=best["run_id"],
        parameters=best["parameters"],
        train_value=best["value"],
        test_value=value,
        test_pnl=total,
    )
    return step, (result.days, pnl)


def _planned(batch: BatchFile, name: str, folder: Path, options: BatchOptions) -> BatchPlan:
    return plan_batch(with_name(batch, name, folder), options)


def _write(walked: WalkForward, lengths: Sequence[int]) -> None:
    """Write the summary and the stitched equity, a row a day."""
    number = np.repeat(np.arange(1, len(lengths) + 1), lengths).tolist()
    dates = [_date(day) for day in walked.days.tolist()]
    rows = zip(dates, number, walked.pnl.tolist(), walked.equity.tolist(), strict=True)
    write_atomically(walked.folder / EQUITY_NAME, csv_bytes([("date", "window", "pnl", "equity"), *rows]))
    write_atomically(walked.folder / SUMMARY_NAME, json_text(walked.as_json()))


def _number(day: Any) -> int:
    return (date.fromisoformat(str(day)) - date(1970, 1, 1)).days


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
