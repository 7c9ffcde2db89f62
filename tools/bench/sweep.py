"""What a sweep loses: sets of parameters over real ticks on two workers, against the compiled loop alone."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ticks import golden_folder

from dbatch.batch.carry_out import carry_out
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import plan_batch
from dbatch.batch.progress import Progress, SilentBatch
from dbatch.config.batch_file import load_batch
from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.execute import Execution
from dbatch.engine.job import MOST_SETS, run_jobs
from dbatch.engine.sessions import read_only
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler
from dbatch.strategies import EventStrategy

WORKERS: Final = 2
TARGET: Final = 0.9
MOST_MB: Final = 600.0
TURNS: Final = 5


@dataclass(frozen=True)
class Found:
    """Rates in millions of events times sets a second of CPU.

    `kernel_rate` is that of the loop alone with one set of parameters, `together_rate` with many in one pass, `rate`
    that of all that is done between the ready cluster and the results on disk. `share` is `rate` / `kernel_rate`,
    `wall_share` the rate by the clock as a share of that of `WORKERS` such loops. `grown_mb` is what the process holds
    more at the end than when a quarter was done.
    """

    strategy: str
    sets: int
    events: int
    kernel_rate: float
    together_rate: float
    rate: float
    wall_share: float
    seconds: float
    peak_mb: float
    grown_mb: float

    @property
    def share(self) -> float:
        return self.rate / self.kernel_rate

    @property
    def holds(self) -> bool:
        return self.share >= TARGET and self.peak_mb < MOST_MB


def grid(sets: int) -> dict[str, list[float]]:
    """Return a grid of at least `sets` sets of parameters."""
    sizes = -(-sets // 100)
    return {
        "refill_interval_sec": [1.0 + 3 * number for number in range(10)],
        "max_position": [100_000 * (number + 1) for number in range(10)],
        "quote_size": [1_000 + 500 * number for number in range(sizes)],
    }


def blocks_of(data: Path) -> list[EventBlock]:
    """Return the events of each security below `data`, as a sweep has them in memory."""
    found = []
    for security in open_market(data).securities:
        (block,) = read_events(security, 1 << 40)
        found.append(EventBlock(*map(read_only, block)))
    return found


def kernel_seconds(strategy: EventStrategy, blocks: Sequence[EventBlock], sections: Sequence[dict[str, Any]]) -> float:
    """Return the CPU seconds of one set of parameters over all `blocks`, all sets together: the median of turns."""
    for block in blocks:
        run_jobs(strategy, sections, [block])
    turns = []
    for _ in range(TURNS):
        began = time.thread_time()
        for block in blocks:
            run_jobs(strategy, sections, [block])
        turns.append(time.thread_time() - began)
    return statistics.median(turns) / len(sections)


class Clock(SilentBatch):
    """Notes when the cluster was ready, and what the process holds meanwhile."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.held: list[float] = []

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def tick(self) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.held.append(pages * resource.getpagesize() / (1 << 20))


def measure(strategy: str, data: Path, sets: int, folder: Path) -> Found:
    """Carry out the sweep below `folder`, and return what it took."""
    blocks = blocks_of(data)
    ref = resolve(strategy, []).ref
    handler = make_handler(ref, {})
    assert isinstance(handler, EventStrategy)
    values = grid(sets)
    sections = [
        {"refill_interval_sec": refill, "max_position": values["max_position"][number % 10], "quote_size": 5_000}
        for number, refill in enumerate(values["refill_interval_sec"] * 4)
    ][:MOST_SETS]
    alone, together = kernel_seconds(handler, blocks, sections[:1]), kernel_seconds(handler, blocks, sections)
    events = sum(map(len, blocks))
    os.chdir(folder)
    batch_file = folder / "sweep.json"
    about = {
        "batch_name": "sweep",
        "description": "a grid",
        "base_args": {"strategy": strategy, "data": str(data)},
        "grid": values,
    }
    batch_file.write_text(json.dumps(about))
    options = BatchOptions(execution=Execution(WORKERS, dashboard=False), fills="none", runs=(0, sets))
    clock = Clock()
    outcome = carry_out(plan_batch(load_batch(batch_file), options), options, clock)
    seconds, cpu = time.perf_counter() - clock.wall, time.process_time() - clock.cpu
    assert outcome.runs == {"success": sets}, outcome
    return Found(
        strategy,
        sets,
        events,
        kernel_rate=events / alone / 1e6,
        together_rate=events / together / 1e6,
        rate=events * sets / cpu / 1e6,
        wall_share=alone * sets / WORKERS / seconds,
        seconds=seconds,
        peak_mb=max(clock.held),
        grown_mb=clock.held[-1] - clock.held[len(clock.held) // 4],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategy", default="v1_baseline")
    parser.add_argument("--sets", type=int, default=5_000)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args(arguments)
    golden = golden_folder().resolve() / "ticks"
    data = golden if golden.is_dir() else sample_path()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(chosen.strategy, data, chosen.sets, Path(folder))
    if chosen.json:
        print(json.dumps(asdict(found) | {"share": found.share}))
    else:
        print(
            f"{found.strategy}, {found.sets:,} sets x {found.events:,} events, {WORKERS} workers, {found.seconds:.1f} s"
        )
        print("millions of events x sets a second of CPU:")
        print(f"the loop alone, a set at a time    {found.kernel_rate:8.1f}")
        print(f"the loop alone, {MOST_SETS} sets together   {found.together_rate:8.1f}")
        print(f"the sweep, results on disk         {found.rate:8.1f}")
        print(f"sweep / a set at a time            {found.share:8.3f}  (target >= {TARGET})")
        print(f"the same by the clock, / {WORKERS} loops   {found.wall_share:8.3f}  (on a quiet machine)")
        grown = f"{found.grown_mb:+.0f} MB since a quarter was done"
        print(f"memory: peak {found.peak_mb:.0f} MB (target < {MOST_MB:.0f}), {grown}")
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
