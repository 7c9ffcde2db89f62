"""Nanoseconds an event: the strategies as shipped against one hand-written loop each, same events, same fills."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from monolithic import LOOPS

from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.fills import Fills
from dbatch.engine.job import run_job
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.strategies import EventStrategy
from dbatch.strategies.parameters import validate

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
TARGET = 1.5
SAMPLE_TILES = 40
DAY = 86_400_000_000_000
WHOLE = 10**9
GOLDEN = "golden ticks"


@dataclass(frozen=True)
class Case:
    """One security's events in memory and the parameters that it runs with."""

    security: str
    events: EventBlock
    section: dict[str, object]


@dataclass(frozen=True)
class Row:
    """Medians of one strategy: nanoseconds of CPU an event, `ratio` of medians shipped / monolithic.

    `copied_ns` is the monolithic loop with its fills copied out of the preallocated arrays, which whoever keeps
    them has to do; `c_ns` the loop in C, also into preallocated arrays.
    """

    strategy: str
    events: int
    fills: int
    shipped_ns: float
    monolithic_ns: float
    ratio: float
    copied_ns: float
    c_ns: float | None


def golden_folder() -> Path:
    """Return where the real ticks are, or would be."""
    return Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT / "../shared/golden"))


def load(data: Path | None) -> tuple[str, dict[str, EventBlock]]:
    """Return where the events came from, and the events of each security: `data`, the real ticks or the sample."""
    golden = golden_folder() / "ticks"
    folder = data or (golden if golden.is_dir() else None)
    origin = "given data" if data else GOLDEN
    market = open_market(str(folder or sample_path()))
    events = {found.name: join(list(read_events(found, WHOLE))) for found in market.securities}
    if folder is not None:
        return origin, events
    return f"sample tiled {SAMPLE_TILES} times", {name: tiled(block) for name, block in events.items()}


def join(blocks: list[EventBlock]) -> EventBlock:
    """Return `blocks` as one, in arrays of its own."""
    return EventBlock(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))


def tiled(block: EventBlock) -> EventBlock:
    """Return `block` repeated, every copy a span of whole days later than the one before."""
    span = (int(block.timestamps.max() - block.timestamps.min()) // DAY + 1) * DAY
    return join([EventBlock(block.timestamps + i * span, *tuple(block)[1:]) for i in range(SAMPLE_TILES)])


def cases(strategy: str, handler: EventStrategy, events: Mapping[str, EventBlock]) -> list[Case]:
    """Return the cases of `strategy`, with the published parameters where there are some."""
    path = golden_folder() / "configs" / f"{strategy}_config.json"
    config = json.loads(path.read_text()) if path.exists() else {}
    chosen = {name: config.get(name, {}) for name in events}
    sections = validate(handler.parameters, chosen, "benchmark")
    return [Case(name, block, sections[name]._asdict()) for name, block in events.items()]


def arguments(handler: EventStrategy, case: Case) -> tuple[float, ...]:
    """Return the bound parameters as plain scalars, in the order of the hand-written loops' arguments."""
    scalars: list[float] = []

    def visit(values: tuple[object, ...]) -> None:
        for value in values:
            if isinstance(value, tuple):
                visit(value)
            else:
                scalars.append(value)

    visit(handler.bind(handler.parameters(**case.section)))
    return tuple(scalars)


def room(rows: int) -> tuple[np.ndarray, ...]:
    """Return output arrays for the fills of `rows` events, touched once so that no page fault is timed."""
    return tuple(np.zeros(2 * rows + 3, dtype) for dtype in ("i8", "f8", "i8", "f8", "i8", "f8"))


def c_loop(folder: Path) -> Callable[..., int] | None:
    """Return v1_baseline compiled from C, or None when there is no compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "v1_baseline.so"
    source = HERE / "v1_baseline.c"
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).v1_baseline
    pointer, whole, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    function.argtypes = [whole, *[pointer] * 4, whole, whole, whole, whole, real, real, *[pointer] * 6]
    function.restype = whole
    return function


def measure(strategy: str, events: Mapping[str, EventBlock], runs: int, c: Callable[..., int] | None) -> Row:
    """Return the medians of `runs` alternating passes over all securities; raises AssertionError unless all agree."""
    handler = make_handler(resolve(strategy).ref, {})
    assert isinstance(handler, EventStrategy)
    every = cases(strategy, handler, events)
    rooms = {case.security: room(len(case.events)) for case in every}
    scalars = {case.security: arguments(handler, case) for case in every}

    def shipped(case: Case) -> Fills:
        return run_job(handler, case.security, case.section, [case.events]).fills

    def monolithic(case: Case) -> Fills:
        out = rooms[case.security]
        written, _ = LOOPS[strategy](*case.events, *scalars[case.security], *out)
        return Fills(*(column[:written] for column in out))

    def copied(case: Case) -> Fills:
        return Fills(*(column.copy() for column in monolithic(case).columns))

    def native(case: Case) -> Fills:
        out = rooms[case.security]
        assert c is not None
        columns = [column.ctypes.data for column in (*case.events, *out)]
        written = c(len(case.events), *columns[:4], *scalars[case.security], *columns[4:])
        return Fills(*(column[:written] for column in out))

    ways = {"shipped": shipped, "monolithic": monolithic, "copied": copied} | ({"c": native} if c else {})
    fills = 0
    for case in every:
        digests = {name: way(case).digest() for name, way in ways.items()}
        assert len(set(digests.values())) == 1, f"{strategy} {case.security}: fills differ: {digests}"
        fills += len(shipped(case))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(runs):
        order = list(ways) if i % 2 else list(ways)[::-1]
        for name in order:
            begin = time.thread_time()
            for case in every:
                ways[name](case)
            seconds[name].append(time.thread_time() - begin)
    rows = sum(len(case.events) for case in every)
    ns = {name: statistics.median(values) / rows * 1e9 for name, values in seconds.items()}
    ratio = ns["shipped"] / ns["monolithic"]
    return Row(strategy, rows, fills, ns["shipped"], ns["monolithic"], ratio, ns["copied"], ns.get("c"))


def table(origin: str, rows: list[Row]) -> str:
    """Return `rows` as text for people."""
    lines = [
        f"CPU nanoseconds an event, {origin}; target on golden ticks: ratio <= {TARGET}",
        f"{'strategy':30}{'events':>11}{'fills':>8}{'shipped':>9}{'monolithic':>12}{'ratio':>7}{'copied':>8}{'C':>7}",
    ]
    for row in rows:
        c = "" if row.c_ns is None else f"{row.c_ns:.2f}"
        lines.append(
            f"{row.strategy:30}{row.events:11,}{row.fills:8,}{row.shipped_ns:9.2f}{row.monolithic_ns:12.2f}"
            f"{row.ratio:7.2f}{row.copied_ns:8.2f}{c:>7}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a ratio over golden ticks is above the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="file or folder of ticks in place of the golden ones")
    parser.add_argument("--runs", type=int, default=15, help="passes of each way")
    parser.add_argument("--strategy", action="append", choices=list(LOOPS), help="only this one; repeatable")
    parser.add_argument("--c", action="store_true", help="measure v1_baseline in C as well")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    origin, events = load(chosen.data)
    with tempfile.TemporaryDirectory() as folder:
        c = c_loop(Path(folder)) if chosen.c else None
        if chosen.c and c is None:
            print("note: no gcc, the C version is left out", file=sys.stderr)
        names = chosen.strategy or list(LOOPS)
        rows = [measure(name, events, chosen.runs, c if name == "v1_baseline" else None) for name in names]
    if chosen.json:
        print(json.dumps({"data": origin, "target": TARGET, "strategies": [vars(row) for row in rows]}))
    else:
        print(table(origin, rows))
    sys.exit(origin == GOLDEN and any(row.ratio > TARGET for row in rows))


if __name__ == "__main__":
    main()
