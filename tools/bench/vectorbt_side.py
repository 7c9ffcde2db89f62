"""4,620 SMA crosses with metrics, side by side: a bare loop, the engine in columns, dbatch scan, sweep, vectorbt."""

from __future__ import annotations

import argparse
import json
import math
import operator
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from bars_monolithic import sma_long
from ticks import golden_folder
from vectorbt_process import Vectorbt, engines_of

from dbatch import Batch
from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import load_bars
from dbatch.data.bars import BarBlock
from dbatch.engine.bars.figures import columns_of_figures
from dbatch.engine.bars.passage import pass_through
from dbatch_bars.sma_cross import create_sma_cross_handler

MOST_OF_BARE: Final = 1.3
LEAST_OF_VECTORBT: Final = 50.0
FAST: Final = range(5, 75)
SLOW: Final = range(75, 141)
SETS: Final = tuple(product(FAST, SLOW))
SETS_A_PASS: Final = 256
A_ROW: Final = len(SLOW)
UNITS: Final = 50_000
RULES: Final = {"fill_at": "close", "direction": "long", "fraction": 0, "units": UNITS, "commission_bps": 2}
FEE: Final = 0.0002
CAPITAL: Final = 100_000.0
CLOSE_ENOUGH: Final = 1e-9

Sets = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Line:
    """A ratio of CPU seconds a backtest, and where it must lie: what is left out is not judged."""

    name: str
    ratio: float
    most: float = math.inf
    least: float = 0.0

    @property
    def holds(self) -> bool:
        return self.least <= self.ratio <= self.most

    def __str__(self) -> str:
        aims = (("<=", self.most), (">=", self.least))
        aim = [f"  target {sign} {value:g}" for sign, value in aims if 0.0 < value < math.inf]
        judged = f"{aim[0]}: {'holds' if self.holds else 'missed'}" if aim else ""
        return f"{self.name:44}{self.ratio:8.2f}{judged}"


@dataclass(frozen=True)
class Agreement:
    """How far the answers of one side lie from those of the engine over `sets`.

    `largest` is the largest difference of total return or drawdown, as shares, where fewer than `CLOSE_ENOUGH` apart;
    `differ` counts sets that are further apart, or have another number of trades.
    """

    sets: int
    largest: float
    differ: int

    @property
    def holds(self) -> bool:
        """Whether at most a hundredth differs: equal means are told apart by how they were added up."""
        return self.differ <= self.sets / 100


def agreement(found: np.ndarray, wanted: np.ndarray) -> Agreement:
    """Return how far `found` lies from `wanted`; rows are (total return, deepest fall, trades, ...)."""
    apart = np.abs(found[:, :2] - wanted[:, :2]).max(axis=1)
    same = (apart <= CLOSE_ENOUGH) & (found[:, 2] == wanted[:, 2])
    return Agreement(len(found), float(apart[same].max(initial=0.0)), int((~same).sum()))


def bare(bars: BarBlock, sets: Sets) -> np.ndarray:
    """Return the answers of the hand-written loop, which computes nothing else."""
    found = [sma_long(bars.closes, fast, slow, UNITS, FEE) for fast, slow in sets]
    return np.array([(total, fall, trades, sharpe) for trades, total, fall, sharpe in found])


def columns(bars: BarBlock, sets: Sets) -> np.ndarray:
    """Return the answers of the engine in columns; all metrics of every set are computed."""
    strategy = create_sma_cross_handler({})
    found = []
    for first in range(0, len(sets), SETS_A_PASS):
        sections = [{"fast": fast, "slow": slow} | RULES for fast, slow in sets[first : first + SETS_A_PASS]]
        passed = pass_through(strategy, sections, bars, lambda fills, ends: None)
        values = columns_of_figures(*passed[1:])
        trades = (values["winning_fills"] + values["losing_fills"] + 1) // 2  # each fill costs, so none earns nothing
        shares = (values["total_pnl"] / CAPITAL, values["max_drawdown_pct"] / 100.0)
        found.append(np.column_stack((*shares, trades, values["sharpe"])))
    return np.concatenate(found)


def commanded(name: str, folder: Path, data: Path, rows: int) -> tuple[float, np.ndarray]:
    """Return the CPU seconds of `dbatch scan` or `dbatch sweep` over the first `rows` fast windows, and its answers."""
    kept = {
        "scan": ("--format", "parquet", "--output", folder / "scan.parquet"),
        "sweep": ("--no-dashboard", "--progress", "none", "--output-root", folder, "--name", "sweep", "--rerun"),
    }
    command = [
        *(sys.executable, "-m", "dbatch", name, "--strategy", "sma_cross", "--data", data, "--workers", "1"),
        *("--grid", f"fast={FAST[0]}..{FAST[rows - 1]}", "--grid", f"slow={SLOW[0]}..{SLOW[-1]}"),
        *(part for key, value in RULES.items() for part in ("--set", f"{key}={value}")),
        *kept[name],
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, env=os.environ | {"DBATCH_CACHE_DIR": str(folder / "cache")}, check=True, stderr=subprocess.PIPE
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = Batch.open(folder / "sweep").results() if name == "sweep" else pd.read_parquet(folder / "scan.parquet")
    table = found.sort_values("run")
    shares = (table["total_pnl"] / CAPITAL, table["max_drawdown_pct"] / 100.0)
    return cpu, np.column_stack((*shares, (table["trades"] + 1) // 2, table["sharpe"]))


def measure(
    bars: BarBlock, turns: int, vectorbt: dict[str, Vectorbt]
) -> tuple[dict[str, list[float]], dict[str, Agreement]]:
    """Return seconds of CPU a set of each way in each turn, and how all agree; each piece of the sets is one turn."""
    ways = {"bare loop": bare, "engine in columns": columns}
    answers: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, list[float]] = {}
    size = -(-len(SETS) // turns)
    for way in ways.values():
        way(bars, SETS[:1])
    for child in vectorbt.values():
        child.answer(SETS[:size])  # compiles, and touches its memory
    for turn, first in enumerate(range(0, len(SETS), size)):
        sets = SETS[first : first + size]
        for name in [*ways, *vectorbt][:: 1 if turn % 2 else -1]:
            if name in ways:
                begin = time.thread_time()
                rows = ways[name](bars, sets)
                cpu = time.thread_time() - begin
            else:
                cpu, rows = vectorbt[name].answer(sets)
            seconds.setdefault(name, []).append(cpu / len(sets))
            answers.setdefault(name, []).append(rows)
    wanted = np.concatenate(answers.pop("engine in columns"))
    return seconds, {name: agreement(np.concatenate(rows), wanted) for name, rows in answers.items()}


def commands(
    folder: Path, data: Path, bars: BarBlock, runs: int
) -> tuple[dict[str, list[float]], dict[str, Agreement]]:
    """Return seconds of CPU a set of each command: of it as a whole, and of a further set of it; and how all agree."""
    wanted = columns(bars, SETS)
    found: dict[str, list[float]] = {}
    agreements: dict[str, Agreement] = {}
    for name in ("scan", "sweep"):
        commanded(name, folder, data, 1)
        for _ in range(runs):
            few, _ = commanded(name, folder, data, 1)
            cpu, rows = commanded(name, folder, data, len(FAST))
            found.setdefault(f"{name}, whole command", []).append(cpu / len(SETS))
            found.setdefault(f"{name}, a further set", []).append((cpu - few) / (len(SETS) - A_ROW))
            agreements[f"dbatch {name}"] = agreement(rows, wanted)
    return found, agreements


def lines_of(seconds: dict[str, list[float]]) -> list[Line]:
    """Return the ratios that are judged, and beside them those of a sweep, which keeps all, and of whole commands."""
    judged = ("engine in columns", "scan, a further set")
    others = ("sweep, a further set", "scan, whole command", "sweep, whole command")
    ours = [name for name in (*judged, *others) if name in seconds]
    lines = [
        Line(
            f"{name} / bare loop", ratio(seconds, name, "bare loop"), most=MOST_OF_BARE if name in judged else math.inf
        )
        for name in ours
    ]
    for other in (name for name in seconds if name.startswith("vectorbt")):
        for name in ours:
            least = LEAST_OF_VECTORBT if name in judged else 0.0
            lines.append(Line(f"{other} / {name}", ratio(seconds, other, name), least=least))
    return lines


def ratio(seconds: dict[str, list[float]], above: str, below: str) -> float:
    """Return the median of the ratios of each turn, or the ratio of medians where these are not of the same turns."""
    if len(seconds[above]) == len(seconds[below]):
        return statistics.median(map(operator.truediv, seconds[above], seconds[below]))
    return statistics.median(seconds[above]) / statistics.median(seconds[below])


def table(seconds: dict[str, list[float]], agreements: dict[str, Agreement], lines: Sequence[Line]) -> str:
    """Return what was found as text for people."""
    rows = [f"{'':24}{'us a set':>10}{'sets a second':>15}"]
    for name, values in seconds.items():
        each = statistics.median(values)
        rows.append(f"{name:24}{each * 1e6:10.1f}{1 / each:15,.0f}")
    rows.append(f"\n{'against the engine in columns':32}{'largest difference':>20}{'sets that differ':>18}")
    for name, one in agreements.items():
        rows.append(f"{name:32}{one.largest:20.1e}{one.differ:10,} of {one.sets:,}")
    return "\n".join((*rows, "", *map(str, lines)))


def interpreter(named: str | None) -> str | None:
    """Return the interpreter that has vectorbt: the one `named`, or this one; None, and say so, where none has."""
    if named is None and find_spec("vectorbt") is None:
        print(
            "vectorbt: left out, it is not installed here; --vectorbt names an interpreter that has it", file=sys.stderr
        )
        return None
    return named or sys.executable


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a target is missed or answers differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--vectorbt", metavar="PYTHON", help="an interpreter with vectorbt; default: this one, if it has"
    )
    parser.add_argument("--block", type=int, default=132, help="sets that vectorbt takes at a time")
    parser.add_argument("--turns", type=int, default=14, help="pieces of the sets that are measured in turns")
    parser.add_argument("--runs", type=int, default=3, help="times that each command is run; 0: not")
    parser.add_argument("--data", type=Path, help="bars of one security; default: eurusd_1h.csv of the golden bars")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args(arguments)
    data = (chosen.data or golden_folder() / "bars" / "eurusd_1h.csv").resolve()
    if not data.is_file():
        parser.error(f"no file {data}; --data names one, or DBATCH_GOLDEN_DIR the folder above bars")
    bars = load_bars(open_bars(data).securities[0])
    python = interpreter(chosen.vectorbt)
    if python and not shutil.which(python):
        parser.error(f"no program {python}; --vectorbt names the interpreter of an environment with vectorbt")
    with ExitStack() as stack:
        rules = {"units": UNITS, "fee": FEE, "capital": CAPITAL, "block": chosen.block}
        others = stack.enter_context(engines_of(python, bars, rules)) if python else {}
        seconds, agreements = measure(bars, chosen.turns, others)
        version = next(iter(others.values())).facts["version"] if others else None
    if chosen.runs:
        with tempfile.TemporaryDirectory() as folder:
            found = commands(Path(folder), data, bars, chosen.runs)
        seconds, agreements = seconds | found[0], agreements | found[1]
    lines = lines_of(seconds)
    if chosen.json:
        facts = {"sets": len(SETS), "bars": len(bars), "vectorbt": version, "block": chosen.block}
        facts |= {"seconds_a_set": {name: statistics.median(values) for name, values in seconds.items()}}
        facts |= {"agreement": {name: asdict(one) for name, one in agreements.items()}}
        print(json.dumps(facts | {"ratios": [asdict(line) | {"holds": line.holds} for line in lines]}))
    else:
        print(
            f"CPU of an SMA cross with metrics, {len(SETS):,} sets x {len(bars):,} bars; vectorbt: {version or 'none'}"
        )
        print(table(seconds, agreements, lines))
    return 0 if all(one.holds for one in (*lines, *agreements.values())) else 1


if __name__ == "__main__":
    sys.exit(main())
