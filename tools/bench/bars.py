"""Backtests over bars: the strategies as shipped, with all metrics of every set, against one hand-written loop each."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bars_monolithic import bigbar, room, sma_cross

from dbatch.data.bars import BarBlock, bar_block
from dbatch.engine.bars.job import run_bar_jobs
from dbatch.engine.performance import performance_of
from dbatch_bars.bigbar import WARM_UP, create_bigbar_handler, restricted_bars
from dbatch_bars.sma_cross import create_sma_cross_handler

PROJECT = Path(__file__).resolve().parents[2]
TARGET = 1.3
SETS_A_PASS = 32
BIGBAR_NAMES = ("atr_period", "k_atr_int", "uptail_max_ratio_int", "previous_weight_int", "buffer_ratio_int")

Set = tuple[int, ...]
Bare = Callable[[Set], tuple[int, float, float]]


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
    """Microseconds of CPU a set, medians over the turns, and nanoseconds a bar step; `ratio` of shipped to bare."""

    strategy: str
    sets: int
    bars: int
    shipped_us: float
    bare_us: float
    shipped_ns_step: float
    bare_ns_step: float
    ratio: float
    best: Set
    best_equity: float


def read(name: str) -> BarBlock:
    """Return the golden bars of a file."""
    folder = Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT / "../shared/golden")) / "bars"
    if not (folder / name).exists():
        sys.exit(f"no {name} in {folder}; set DBATCH_GOLDEN_DIR to the folder above bars")
    frame = pd.read_csv(folder / name, dtype=str).rename(columns=str.lower)
    times = pd.DatetimeIndex(pd.to_datetime(frame.iloc[:, 0], utc=True)).as_unit("ns").asi8
    numbers = [frame[each].to_numpy(float) for each in ("open", "high", "low", "close", "volume")]
    return bar_block(times, *numbers)


def bigbar_case(every: int) -> Case:
    """Return BigBar's grid of 112,840 sets, of which each `every`th is taken."""
    bars = read("gd5m.csv")
    restricted = restricted_bars(bars) != 0.0
    out = room(len(bars))
    grid: Iterator[Set] = product(range(10, 101), range(10, 41), range(5, 10), range(1, 9), (1,))

    def bare(one: Set) -> tuple[int, float, float]:
        period, k, uptail, previous, buffer = one
        scalars = (WARM_UP, period, k / 10, uptail / 10, previous / 10, buffer / 100)
        return bigbar(bars.opens, bars.highs, bars.lows, bars.closes, restricted, *scalars, out)  # type: ignore[no-any-return]

    sets = tuple(islice(grid, 0, None, every))
    return Case("bigbar", create_bigbar_handler({}), bars, len(bars) - WARM_UP, BIGBAR_NAMES, sets, bare)


def sma_case(every: int) -> Case:
    """Return 4,620 pairs of windows, of which each `every`th is taken."""
    bars = read("eurusd_1h.csv")
    out = room(len(bars))

    def bare(one: Set) -> tuple[int, float, float]:
        return sma_cross(bars.opens, bars.closes, *one, out)  # type: ignore[no-any-return]

    sets = tuple(islice(product(range(5, 75), range(75, 141)), 0, None, every))
    return Case("sma_cross", create_sma_cross_handler({}), bars, len(bars), ("fast", "slow"), sets, bare)


def shipped(case: Case, sets: Sequence[Set]) -> list[tuple[int, float, float]]:
    """Return trades, final equity and deepest fall of each of `sets`, whose metrics were all computed."""
    found = []
    for first in range(0, len(sets), SETS_A_PASS):
        sections = [dict(zip(case.names, one, strict=True)) for one in sets[first : first + SETS_A_PASS]]
        for result in run_bar_jobs(case.strategy, sections, [case.bars]):
            metrics = performance_of(result).metrics
            assert result.marked is not None
            found.append((metrics["round_trips"], result.marked.final, result.marked.share))
    return found


def measure(case: Case, turns: int) -> Row:
    """Return the medians of `turns` alternating pieces of the sets; raises AssertionError unless all agree."""
    shipped(case, case.sets[:1])
    case.bare(case.sets[0])
    size = -(-len(case.sets) // turns)
    pairs = []
    differ = 0
    best: tuple[float, Set] = (-np.inf, ())
    for turn, first in enumerate(range(0, len(case.sets), size)):
        sets = case.sets[first : first + size]
        seconds: dict[str, float] = {}
        answers: dict[str, list[tuple[int, float, float]]] = {}
        for way in ("shipped", "bare")[:: 1 if turn % 2 else -1]:
            begin = time.thread_time()
            answers[way] = shipped(case, sets) if way == "shipped" else [case.bare(one) for one in sets]
            seconds[way] = time.thread_time() - begin
        for one, found, wanted in zip(sets, answers["shipped"], answers["bare"], strict=True):
            differ += not (found[0] == wanted[0] and np.allclose(found[1:], wanted[1:], rtol=1e-9))
            best = max(best, (found[1], one), key=lambda pair: pair[0])  # the first of equals
        pairs.append((seconds["shipped"] / len(sets), seconds["bare"] / len(sets)))
    print(differ)
    ours, bare = (statistics.median(each) * 1e6 for each in zip(*pairs, strict=True))
    step = 1e3 / case.steps
    ratio = statistics.median(one / other for one, other in pairs)
    return Row(case.name, len(case.sets), case.steps, ours, bare, ours * step, bare * step, ratio, best[1], best[0])


def table(rows: Sequence[Row]) -> str:
    """Return `rows` as text for people."""
    head = f"{'strategy':12}{'sets':>9}{'bars':>8}{'us a set':>10}{'bare':>8}{'ns a bar':>10}{'bare':>7}{'ratio':>7}"
    lines = (
        f"{row.strategy:12}{row.sets:9,}{row.bars:8,}{row.shipped_us:10.1f}{row.bare_us:8.1f}"
        f"{row.shipped_ns_step:10.2f}{row.bare_ns_step:7.2f}{row.ratio:7.2f}  {row.best}: {row.best_equity:,.2f}"
        for row in rows
    )
    title = f"CPU of a backtest with all metrics of its job; target: ratio <= {TARGET}"
    return "\n".join((title, f"{head}  best", *lines))


def main() -> None:
    """Measure and print; exit code 1 when a ratio is above the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=100, help="take each so manieth of BigBar's 112,840 sets; 1: all")
    parser.add_argument("--turns", type=int, default=15, help="pieces of the sets that are measured in turns")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    rows = [measure(bigbar_case(chosen.every), chosen.turns), measure(sma_case(1), chosen.turns)]
    if chosen.json:
        print(json.dumps({"target": TARGET, "strategies": [vars(row) for row in rows]}))
    else:
        print(table(rows))
    sys.exit(any(row.ratio > TARGET for row in rows))


if __name__ == "__main__":
    main()
