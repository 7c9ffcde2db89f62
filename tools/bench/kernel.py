"""Nanoseconds an event: strategies through the public API against hand-written loops, same events, same fills."""

from __future__ import annotations

import argparse
import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from monolithic import LOOPS, sessions_of
from ticks import GOLDEN, golden_folder, load

from dbatch.data.blocks import EventBlock
from dbatch.engine.fills import Fills
from dbatch.engine.job import MOST_SETS, run_job, run_jobs
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.scaffold.package import new_strategy
from dbatch.strategies import EventStrategy
from dbatch.strategies.parameters import validate

HERE = Path(__file__).resolve().parent
TARGETS = {"v1_baseline": 1.05, "v2_price_follow_qty_cooldown": 1.1, "v2_1_stop_loss": 1.1, "quoter": 1.1}
C_TARGET = 1.7
SHIPPED, MONOLITHIC, COPIED, C = "shipped", "monolithic", "copied", "c"
TOGETHER, ONE_BY_ONE = "together", "one by one"
SWEEPS = 5
Way = Callable[["Case"], Sequence[Fills]]


@dataclass(frozen=True)
class Case:
    """One security: its events, the parameters to run with, and what the hand-written loops are given.

    `sessions` are found once, `scalars` are the bound parameters, `room` are arrays for the fills.
    """

    security: str
    events: EventBlock
    section: dict[str, object]
    sessions: np.ndarray
    scalars: tuple[float, ...]
    room: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Row:
    """Medians of one strategy: nanoseconds of CPU an event (and a set of parameters) of each way, and ratios to them.

    Each ratio is the median of those within one turn. `together` are `MOST_SETS` different sets of parameters in one
    pass, against the same sets `one by one`.
    """

    strategy: str
    events: int
    fills: int
    ns: dict[str, float]
    to_monolithic: float
    to_c: float | None
    to_one_by_one: float
    target: float

    @property
    def holds(self) -> bool:
        return self.to_monolithic <= self.target and (self.to_c is None or self.to_c <= C_TARGET)


def cases(strategy: str, handler: EventStrategy, events: Mapping[str, EventBlock]) -> list[Case]:
    """Return the cases of `strategy`, with the published parameters where there are some."""
    path = golden_folder() / "configs" / f"{strategy}_config.json"
    config = json.loads(path.read_text()) if path.exists() else {}
    sections = validate(handler.parameters, {name: config.get(name, {}) for name in events}, "benchmark")
    return [
        Case(
            name,
            block,
            sections[name]._asdict(),
            sessions_of(block.timestamps, block.prices, *handler.session),
            tuple(scalars_of(handler.bind(sections[name]))),
            room(len(block)),
        )
        for name, block in events.items()
    ]


def scalars_of(values: object) -> list[float]:
    """Return bound parameters as plain scalars, in the order of the hand-written loops' arguments."""
    return [scalar for value in values for scalar in scalars_of(value)] if isinstance(values, tuple) else [values]


def room(rows: int) -> tuple[np.ndarray, ...]:
    """Return output arrays for the fills of `rows` events, touched once so that no page fault is timed."""
    return tuple(np.zeros(2 * rows + 3, dtype) for dtype in ("i8", "f8", "i8", "f8", "i8", "f8"))


def c_loop(folder: Path) -> Callable[..., int] | None:
    """Return v1_baseline compiled from C, or None when there is no compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "v1_baseline.so"
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, "-o", library, HERE / "v1_baseline.c"], check=True)
    function = ctypes.CDLL(str(library)).v1_baseline
    pointer, whole, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    function.argtypes = [whole, *[pointer] * 5, whole, whole, whole, whole, real, real, *[pointer] * 6]
    function.restype = whole
    return function


def handler_of(strategy: str, folder: Path) -> EventStrategy:
    """Return a strategy as it ships; `quoter` is what `dbatch new-strategy` makes, in `folder`."""
    if strategy == "quoter":
        new_strategy("bench_quoter", "compiled", folder)
        found = resolve("bench_quoter", (str(folder / "bench_quoter"),))
    else:
        found = resolve(strategy)
    handler = make_handler(found.ref, {})
    assert isinstance(handler, EventStrategy)
    return handler


def ways_of(strategy: str, handler: EventStrategy, c: Callable[..., int] | None) -> dict[str, Way]:
    """Return the ways to go through a case, by name: each gives the fills."""

    def shipped(case: Case) -> Sequence[Fills]:
        return [run_job(handler, case.security, case.section, [case.events]).fills]

    def monolithic(case: Case) -> Sequence[Fills]:
        written = LOOPS[strategy](*case.events, case.sessions, *case.scalars, *case.room)
        return [Fills(*(column[:written] for column in case.room))]

    def copied(case: Case) -> Sequence[Fills]:
        return [Fills(*(column.copy() for column in monolithic(case)[0].columns))]

    def native(case: Case) -> Sequence[Fills]:
        assert c is not None
        ins, outs = ([column.ctypes.data for column in columns] for columns in (case.events, case.room))
        written = c(len(case.sessions), case.sessions.ctypes.data, *ins, *case.scalars, *outs)
        return [Fills(*(column[:written] for column in case.room))]

    ways: dict[str, Way] = {SHIPPED: shipped, MONOLITHIC: monolithic, COPIED: copied}
    return ways | ({C: native} if c else {})


def sweep_of(handler: EventStrategy) -> dict[str, Way]:
    """Return the two ways to run `MOST_SETS` sets of parameters, no two alike, over a case."""

    def sets(case: Case) -> list[dict[str, object]]:
        """Return the case's parameters, each with sizes of their own: a multiple of a hundred shares more."""
        sizes = [name for name in ("quote_size", "quote_size_bid", "quote_size_ask", "size") if case.section.get(name)]
        more = range(0, 100 * MOST_SETS, 100)
        return [{**case.section, **{name: int(str(case.section[name])) + by for name in sizes}} for by in more]

    def together(case: Case) -> Sequence[Fills]:
        return [result.fills for result in run_jobs(handler, sets(case), [case.events])]

    def one_by_one(case: Case) -> Sequence[Fills]:
        return [run_job(handler, case.security, each, [case.events]).fills for each in sets(case)]

    return {TOGETHER: together, ONE_BY_ONE: one_by_one}


def fills_of(ways: Mapping[str, Way], every: Sequence[Case]) -> int:
    """Return the number of fills of all cases; raises AssertionError unless all ways give the same ones."""
    fills = 0
    for case in every:
        found = {name: way(case) for name, way in ways.items()}
        digests = {name: [each.digest() for each in several] for name, several in found.items()}
        first = next(iter(ways))
        assert all(each == digests[first] for each in digests.values()), f"{case.security}: fills differ: {digests}"
        fills += len(found[first][0])
    return fills


def timed(ways: Mapping[str, Way], every: Sequence[Case], runs: int) -> dict[str, list[float]]:
    """Return the seconds of CPU of `runs` passes of each way over all securities, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(runs):
        for name in list(ways) if i % 2 else list(ways)[::-1]:
            begin = time.thread_time()
            for case in every:
                ways[name](case)
            seconds[name].append(time.thread_time() - begin)
    return seconds


def measure(strategy: str, handler: EventStrategy, every: Sequence[Case], runs: int, c: Any) -> Row:
    """Return the medians of `runs` passes of each way, in C too where `c` is given."""
    ways, sweep = ways_of(strategy, handler, c), sweep_of(handler)
    fills = fills_of(ways, every)
    fills_of(sweep, every)
    seconds = timed(ways, every, runs) | timed(sweep, every, min(runs, SWEEPS))
    events = sum(len(case.events) for case in every)
    count = {name: events * (MOST_SETS if name in sweep else 1) for name in seconds}

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(seconds[one], seconds[other], strict=True))

    return Row(
        strategy,
        events,
        fills,
        {name: statistics.median(values) / count[name] * 1e9 for name, values in seconds.items()},
        ratio(SHIPPED, MONOLITHIC),
        ratio(SHIPPED, C) if c else None,
        ratio(TOGETHER, ONE_BY_ONE),
        TARGETS[strategy],
    )


def table(origin: str, rows: Sequence[Row]) -> str:
    """Return `rows` as text for people."""
    names = [SHIPPED, MONOLITHIC, COPIED, C, TOGETHER, ONE_BY_ONE]
    lines = [
        f"CPU nanoseconds an event, {origin}; together: {MOST_SETS} sets of parameters in one pass, for each of them",
        f"{'strategy':30}{'events':>11}{'fills':>8}{''.join(f'{name:>12}' for name in names)}"
        f"{'ratio':>8}{'target':>8}{'to C':>7}{'target':>8}",
    ]
    for row in rows:
        figures = "".join(f"{row.ns[name]:12.2f}" if name in row.ns else f"{'':12}" for name in names)
        to_c = "" if row.to_c is None else f"{row.to_c:7.2f}{C_TARGET:8.2f}"
        lines.append(
            f"{row.strategy:30}{row.events:11,}{row.fills:8,}{figures}{row.to_monolithic:8.3f}{row.target:8.2f}{to_c}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a ratio over golden ticks is above its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="file or folder of ticks in place of the golden ones")
    parser.add_argument("--runs", type=int, default=31, help="passes of each way")
    parser.add_argument("--strategy", action="append", choices=list(LOOPS), help="only this one; repeatable")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    origin, events = load(chosen.data)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        c = c_loop(Path(folder))
        if c is None:
            print("note: no gcc, the C version is left out", file=sys.stderr)
        for name in chosen.strategy or LOOPS:
            handler = handler_of(name, Path(folder))
            every = cases(name, handler, events)
            rows.append(measure(name, handler, every, chosen.runs, c if name == "v1_baseline" else None))
    if chosen.json:
        found = [{**vars(row), "holds": row.holds} for row in rows]
        print(json.dumps({"data": origin, "sets_together": MOST_SETS, "c_target": C_TARGET, "strategies": found}))
    else:
        print(table(origin, rows))
    sys.exit(origin == GOLDEN and not all(row.holds for row in rows))


if __name__ == "__main__":
    main()
