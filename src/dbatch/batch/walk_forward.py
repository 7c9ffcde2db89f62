"""Walk forward: a batch over each training window, its best parameters over the days that follow, one equity of all.

Each window is two batches in the folder: `train_01` with all runs, `test_01` with the best one. What is finished stays
finished, as in every batch: the same call goes on where one was stopped. The stitched equity is the capital and the
P&L of all test days so far. Each test begins without a position and knows no day before it, unless there is a warm-up:
then it begins so many days earlier, and the P&L of these days is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from dbatch.batch.defaults import default_data
from dbatch.batch.notebook import finish, plan_of
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch, with_name
from dbatch.batch.walk_result import Step, WalkForward, date_text, figures_of, write_walk
from dbatch.batch.walk_windows import WalkWindow, walk_windows
from dbatch.config.batch_file import BatchFile
from dbatch.data.bar_read import load_bars
from dbatch.data.blocks import NOT_A_TIME
from dbatch.data.read import read_events
from dbatch.data.securities import HOW_READ, open_data
from dbatch.engine.control import Control
from dbatch.errors import UsageError
from dbatch.looking.one_run import RunDays, run_days
from dbatch.model import Security
from dbatch.results.consolidate import best_of
from dbatch.results.objective import DEFAULT_OBJECTIVE, objective_of

_DAY: Final = 86_400_000_000_000

Load = Callable[[Mapping[str, Any]], BatchFile]
"""Returns the batch of the sweep over the days that further `base_args` name."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Lengths:
    """How long windows are, in days on which there are data; see `walk_windows`.

    A test goes through `warmup` days before it, or as many as there are, and what they bring does not count.
    """

    train: int
    test: int
    purge: int = 0
    embargo: int = 0
    anchored: bool = False
    warmup: int = 0


def walk_forward(
    load: Load,
    folder: Path,
    lengths: Lengths,
    options: BatchOptions,
    say: Say = lambda text: None,
    control: Control | None = None,
) -> WalkForward:
    """Train and test the sweep that `load` gives over each window, into `folder`, and return what it came to.

    `control` may ask for an end in good order from a signal handler: Interrupted or KeyboardInterrupt is raised then.
    Raises UsageError (and its kinds) for what cannot be planned, and where no run of a training window has a value of
    the objective; else what carrying out a batch raises.
    """
    objective = options.objective or DEFAULT_OBJECTIVE
    walk = _Walk(load, folder, replace(options, objective=objective), control or Control(options.grace), lengths.warmup)
    days = market_days(load({}).document["base_args"])
    steps, found = [], []
    if lengths.warmup < 0:
        raise UsageError(f"--warmup {lengths.warmup}: must be 0 or more days")
    windows = walk_windows(len(days), **{name: each for name, each in asdict(lengths).items() if name != "warmup"})
    for number, window in enumerate(windows, start=1):
        say(f"window {number} of {len(windows)}")
        step, tested = walk.step(days, window, number)
        steps.append(step)
        found.append(tested)
    test_days = np.concatenate([test.days for test in found])
    pnl = np.concatenate([test.together for test in found])
    walked = WalkForward(folder, objective, tuple(steps), test_days, pnl, found[0].capital)
    write_walk(walked, [len(test.days) for test in found])
    return walked


def market_days(base_args: Mapping[str, Any]) -> np.ndarray:
    """Return the days with data of any security that `base_args` name, inside their dates: int64 since 1970, rising."""
    origin = base_args.get("data") or default_data()[0]
    market = open_data(origin, **{name: base_args.get(name) for name in HOW_READ})
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


@dataclass(frozen=True)
class _Walk:
    """What all windows share."""

    load: Load
    folder: Path
    options: BatchOptions
    control: Control
    warmup: int

    def step(self, days: np.ndarray, window: WalkWindow, number: int) -> tuple[Step, RunDays]:
        """Return one window, and the days of its test."""
        dates = {name: date_text(int(days[place])) for name, place in vars(window).items()}
        history = date_text(int(days[max(0, window.test_first - self.warmup)]))
        trained = self.load({"start_date": dates["train_first"], "end_date": dates["train_last"]})
        plan = plan_batch(with_name(trained, f"train_{number:02d}", self.folder), self.options)
        best = best_of(self._finished(plan))
        if best is None or best["run_id"] is None:
            raise UsageError(f"{plan.output_dir}: no run has a {objective_of(self.objective).column}")
        test = self._finished(self._test(trained, best, number, history, dates["test_last"]))
        result = run_days(test, 0)
        tested = result.since(int(days[window.test_first]))
        pnl = tested.together
        step = Step(
            number=number,
            train_start=dates["train_first"],
            train_end=dates["train_last"],
            history_start=history,
            test_start=dates["test_first"],
            test_end=dates["test_last"],
            run_id=best["run_id"],
            parameters=best["parameters"],
            train_value=best["value"],
            test_value=figures_of(pnl, tested.capital).get(best["column"])
            if self.warmup
            else (best_of(test) or {}).get("value"),
            test_pnl=math.fsum(pnl.tolist()),
        )
        return step, tested

    @property
    def objective(self) -> str:
        return self.options.objective or DEFAULT_OBJECTIVE

    def _finished(self, plan: BatchPlan) -> Path:
        return finish(plan, self.options, control=self.control).folder

    def _test(self, trained: BatchFile, best: Mapping[str, Any], number: int, start: str, end: str) -> BatchPlan:
        document = {
            "batch_name": f"test_{number:02d}",
            "description": f"the best run of train_{number:02d} over the days after it",
            "base_args": {
                **trained.document["base_args"],
                **best["parameters"],
                "start_date": start,
                "end_date": end,
            },
            "runs": [{"id": best["run_id"]}],
            "output_root": str(self.folder),
            **{name: value for name, value in trained.document.items() if name == "seed"},
        }
        return plan_of(document, self.options)


def _number(day: Any) -> int:
    return (date.fromisoformat(str(day)) - date(1970, 1, 1)).days
