"""Backtests over bars: the strategies as shipped, with all metrics of every set, against one hand-written loop each."""

from __future__ import annotations

import argparse
import json
import operator
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from bars_monolithic import bigbar, room, sma_cross
from ticks import golden_folder

from dbatch.data.bars import BarBlock, bar_block
from dbatch.engine.bars.figures import columns_of_figures
from dbatch.engine.bars.job import run_bar_jobs
from dbatch.engine.bars.passage import pass_through
from dbatch.engine.performance import performance_of
from dbatch_bars.bigbar import WARM_UP, create_bigbar_handler, restricted_bars
from dbatch_bars.sma_cross import create_sma_cross_handler

TARGET = 1.3
SETS_A_PASS = 256
BIGBAR_NAMES = ("atr_period", "k_atr_int", "uptail_max_ratio_int", "previous_weight_int", "buffer_ratio_int")

Set = tuple[int, ...]
Answer = tuple[int, float, float]
Bare = Callable[[Set], Answer]


@dataclass(frozen=True)
class Case:
    """A strategy, its bars and those that it trades, its sets, and its hand-written loop."""

    name: str
    strategy: Any
    bars: BarBlock
    steps: int
    names: tuple[str, ...]
    sets: tuple[Set, ...]
    bare: Bare


@dataclass(frozen=True)
class Row:
    """Microseconds of CPU a set, medians over the turns, and nanoseconds a bar step; `ratio` of shipped to bare.

    `jobs_us` is what one result and one performance a job take; `best` the largest final equity and its set.
    """

    strategy: str
    sets: int
    bars: int
    shipped_us: float
    bare_us: float
    jobs_us: float
    shipped_ns_step: float
    ratio: float
    best: tuple[float, Set]


def read(name: str) -> BarBlock:
    """Return the golden bars of a file."""
    folder = golden_folder() / "bars"
    if not (folder / name).exists():
        sys.exit(f"no {name} in {folder}; set DBATCH_GOLDEN_DIR to the folder above bars")
    frame = pd.read_csv(folder / name, dtype=str).rename(columns=str.lower)
    times = pd.DatetimeIndex(pd.to_datetime(frame.iloc[:, 0], utc=True)).as_unit("ns").asi8
    numbers = [frame[each].to_numpy(float) for each in ("open", "high", "low", "close", "volume")]
    return bar_block(times, *numbers)


def bigbar_case(every: int) -> Case:
    """Return BigBar's grid of 112,840 sets; of the passes that it takes each `every`th."""
    bars = read("gd5m.csv")
    restricted = restricted_bars(bars) != 0.0
    out = room(len(bars))
    grid: Iterator[Set] = product(range(10, 101), range(10, 41), range(5, 10), range(1, 9), (1,))

    def bare(one: Set) -> Answer:
        period, k, uptail, previous, buffer = one
        scalars = (WARM_UP, period, k / 10, uptail / 10, previous / 10, buffer / 100)
        return bigbar(bars.opens, bars.highs, bars.lows, bars.closes, restricted, *scalars, out)

    sets = tuple(one for number, one in enumerate(grid) if number // SETS_A_PASS % every == 0)
    return Case("bigbar", create_bigbar_handler({}), bars, len(bars) - WARM_UP, BIGBAR_NAMES, sets, bare)


def sma_case() -> Case:
    """Return 4,620 pairs of windows."""
    bars = read("eurusd_1h.csv")
    out = room(len(bars))

    def bare(one: Set) -> Answer:
        return sma_cross(bars.opens, bars.closes, *one, out)

    sets = tuple(product(range(5, 75), range(75, 141)))
    return Case("sma_cross", create_sma_cross_handler({}), bars, len(bars), ("fast", "slow"), sets, bare)


def passes(case: Case, sets: Sequence[Set]) -> Iterator[list[dict[str, int]]]:
    """Yield the parameters of as many of `sets` as go through the bars together."""
    for first in range(0, len(sets), SETS_A_PASS):
        yield [dict(zip(case.names, one, strict=True)) for one in sets[first : first + SETS_A_PASS]]


def shipped(case: Case, sets: Sequence[Set]) -> list[Answer]:
    """Return the answers of `sets` as a sweep gets them, in columns; all metrics of every set are computed."""
    found: list[Answer] = []
    for sections in passes(case, sets):
        passed = pass_through(case.strategy, sections, case.bars, lambda fills, ends: None)
        trips = columns_of_figures(*passed[1:])["round_trips"]
        found += zip(trips.tolist(), passed.amounts[:, 2].tolist(), passed.amounts[:, 1].tolist(), strict=True)
    return found


def jobs(case: Case, sets: Sequence[Set]) -> list[Answer]:
    """Return the same from one result and one performance a job, as units make receipts of."""
    found: list[Answer] = []
    for sections in passes(case, sets):
        for result in run_bar_jobs(case.strategy, sections, [case.bars]):
            metrics = performance_of(result).metrics
            assert result.marked is not None
            found.append((metrics["round_trips"], result.marked.final, result.marked.share))
    return found


def bare(case: Case, sets: Sequence[Set]) -> list[Answer]:
    """Return the same from the hand-written loop, which computes nothing else."""
    return [case.bare(one) for one in sets]


WAYS = {"shipped": shipped, "jobs": jobs, "bare": bare}


def measure(case: Case, turns: int) -> Row:
    """Return the medians of `turns` alternating pieces of the sets; raises AssertionError unless the answers agree.

    A hundredth of the sets may differ: equal means of prices are told apart by how they were added up.
    """
    for way in WAYS.values():
        way(case, case.sets[:1])
    size = -(-len(case.sets) // turns)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    differ = 0
    best: tuple[float, Set] = (-np.inf, ())
    for turn, first in enumerate(range(0, len(case.sets), size)):
        sets = case.sets[first : first + size]
        answers = {}
        for name in list(WAYS)[:: 1 if turn % 2 else -1]:
            begin = time.thread_time()
            answers[name] = WAYS[name](case, sets)
            seconds[name].append((time.thread_time() - begin) / len(sets) * 1e6)
        assert answers["shipped"] == answers["jobs"]
        differ += sum(map(are_different, answers["shipped"], answers["bare"]))
        pairs = ((found[1], one) for one, found in zip(sets, answers["shipped"], strict=True))
        best = max(best, *pairs, key=lambda pair: pair[0])  # the first of equals
    assert differ <= len(case.sets) / 100, f"{case.name}: {differ} of {len(case.sets)} sets differ"
    us = {name: statistics.median(values) for name, values in seconds.items()}
    ratio = statistics.median(map(operator.truediv, seconds["shipped"], seconds["bare"]))
    step = 1e3 / case.steps
    return Row(
        case.name, len(case.sets), case.steps, us["shipped"], us["bare"], us["jobs"], us["shipped"] * step, ratio, best
    )


def are_different(found: Answer, wanted: Answer) -> bool:
    """Return whether two answers differ by more than rounding."""
    return found[0] != wanted[0] or not np.allclose(found[1:], wanted[1:], rtol=1e-9)


def table(rows: Sequence[Row]) -> str:
    """Return `rows` as text for people."""
    head = f"{'strategy':12}{'sets':>9}{'bars':>8}{'us a set':>10}{'bare':>8}{'jobs':>8}{'ns a bar':>10}{'ratio':>7}"
    lines = (
        f"{row.strategy:12}{row.sets:9,}{row.bars:8,}{row.shipped_us:10.1f}{row.bare_us:8.1f}{row.jobs_us:8.1f}"
        f"{row.shipped_ns_step:10.2f}{row.ratio:7.2f}  {row.best[1]}: {row.best[0]:,.2f}"
        for row in rows
    )
    title = f"CPU of a backtest with all metrics of its job; target: ratio <= {TARGET}"
    return "\n".join((title, f"{head}  best", *lines))


def main() -> None:
    """Measure and print; exit code 1 when a ratio is above the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--every", type=int, default=20, help="take each so manieth pass of BigBar's grid; 1: all 112,840 sets"
    )
    parser.add_argument("--turns", type=int, default=15, help="pieces of the sets that are measured in turns")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    rows = [measure(bigbar_case(chosen.every), chosen.turns), measure(sma_case(), chosen.turns)]
    if chosen.json:
        print(json.dumps({"target": TARGET, "strategies": [vars(row) for row in rows]}))
    else:
        print(table(rows))
    sys.exit(any(row.ratio > TARGET for row in rows))


if __name__ == "__main__":
    main()
