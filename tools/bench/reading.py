"""What reading costs: events from the cache against decoding them, and a file larger than memory against memory."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RATE_TARGET = 0.6
MEMORY_TARGET_MIB = 1000
IN_MEMORY_ROWS = 8_000_000
CONFIG = {
    "default": {
        "quote_size": 3_000,
        "refill_interval_sec": 180,
        "max_position": 6_000,
        "min_local_currency_before_quote": 600,
        "max_notional": 1_500_000,
    }
}


@dataclass(frozen=True)
class Cost:
    """Nanoseconds an event: of CPU, over all threads, and of the clock."""

    cpu: float
    wall: float


def medians(ways: Mapping[str, Callable[[], int]], runs: int) -> dict[str, Cost]:
    """Return what each way costs, done in turns; a way returns how many events it went through."""
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name in ways if turn % 2 else reversed(ways):
            wall, cpu = time.perf_counter(), time.process_time()
            events = ways[name]()
            cost = Cost((time.process_time() - cpu) / events * 1e9, (time.perf_counter() - wall) / events * 1e9)
            found[name].append(cost)
    return {
        name: Cost(statistics.median(c.cpu for c in costs[1:]), statistics.median(c.wall for c in costs[1:]))
        for name, costs in found.items()
    }


def count(blocks: Iterable[object]) -> int:
    """Return how many events `blocks` hold."""
    return sum(len(block) for block in blocks)


def cached(runs: int) -> tuple[str, dict[str, Cost]]:
    """Return where the ticks came from, and what it costs to have the events of all securities."""
    from dbatch.data import cache
    from dbatch.data.faults import Faults
    from dbatch.data.market import open_market
    from dbatch.data.read import fingerprint
    from dbatch.model import Window

    golden = Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT / "../shared/golden")) / "ticks"
    origin, ticks = ("golden ticks", golden) if golden.is_dir() else ("sample", PROJECT / "src/dbatch/sample/ticks")
    securities = open_market(ticks).securities
    prints = {security.name: fingerprint(security.source) for security in securities}

    def given(*, keep: bool) -> int:
        return sum(
            count(cache.cached_events(one, prints[one.name], 100_000, Window(), Faults(), keep=keep))
            for one in securities
        )

    def decoded() -> int:
        os.environ[cache.CACHE_SIZE] = "0"
        try:
            cache._OPEN.clear()
            return given(keep=False)
        finally:
            del os.environ[cache.CACHE_SIZE]

    def stored() -> int:
        cache._OPEN.clear()
        for entry in cache.cache_entries("events"):
            cache.remove_entry(entry.path)
        return given(keep=True)

    def mapped_first() -> int:
        cache._OPEN.clear()
        return given(keep=False)

    ways = {
        "decoded": decoded,
        "decoded and stored": stored,
        "mapped and checked": mapped_first,
        "mapped before": lambda: given(keep=False),
    }
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DBATCH_CACHE_DIR"] = folder
        given(keep=True)
        return origin, medians(ways, runs)


def streamed(path: Path, runs: int) -> dict[str, Cost]:
    """Return what v1_baseline costs over events in memory, and over all of the file as it is read."""
    from dbatch.data.blocks import EventBlock
    from dbatch.data.market import open_market
    from dbatch.data.read import read_events
    from dbatch.engine.job import run_job
    from dbatch.engine.sessions import read_only
    from dbatch.plugins.discovery import resolve
    from dbatch.plugins.loading import make_handler

    (security,) = open_market(path).securities

    handler = make_handler(resolve("v1_baseline").ref, {})

    def run(blocks: Iterable[EventBlock]) -> int:
        return run_job(handler, security.name, CONFIG["default"], blocks).rows

    def in_memory() -> Iterator[EventBlock]:
        for block in islice(read_events(security, 100_000), IN_MEMORY_ROWS // 100_000):
            yield EventBlock(*(read_only(column.copy()) for column in block))

    held = list(in_memory())
    return medians({"in memory": lambda: run(held), "streamed": lambda: run(read_events(security, 100_000))}, runs)


def command(path: Path, folder: Path) -> tuple[float, int]:
    """Return the seconds and the peak memory in MiB of `dbatch run` over the file, code compiled before."""
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    run = [sys.executable, "-m", "dbatch", "run", "--strategy", "v1_baseline", "--data", path, "--config", config]
    begin = time.perf_counter()
    subprocess.run(
        [*run, "--workers", "1", "--no-dashboard", "--output-dir", folder / "out"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10


def table(facts: dict[str, object]) -> str:
    """Return what was measured as text for people."""
    lines = [f"nanoseconds an event, {facts['data']}", f"{'':22}{'CPU':>8}{'wall':>8}"]
    for part in ("cached", "streamed"):
        for name, cost in facts[part].items():
            lines.append(f"{name:22}{cost['cpu']:8.1f}{cost['wall']:8.1f}")
    lines += [
        f"decoding / mapping and checking, CPU: {facts['cache_ratio']:.1f}",
        f"rate streamed / in memory, wall: {facts['rate_ratio']:.2f} (target >= {RATE_TARGET})",
        f"'dbatch run' over {facts['events']:,} events: {facts['seconds']:.1f} s, {facts['peak_mib']:,} MiB "
        f"(target < {MEMORY_TARGET_MIB:,})",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each way")
    parser.add_argument("--events", type=int, default=50_000_000, help="events of the large file")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--part", choices=["cached", "streamed"], help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part == "cached":
        origin, costs = cached(chosen.runs)
        print(json.dumps([origin, {name: vars(cost) for name, cost in costs.items()}]))
        return
    if chosen.part == "streamed":
        print(json.dumps({name: vars(cost) for name, cost in streamed(chosen.path, chosen.runs).items()}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "huge.parquet")
        subprocess.run(
            [sys.executable, PROJECT / "tools/make_huge.py", path, "--events", str(chosen.events)], check=True
        )
        again = [sys.executable, __file__, "--runs", str(chosen.runs)]  # so that this process stays small

        def part(*arguments: object) -> object:
            return json.loads(subprocess.run([*again, *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout)

        streams = part("--part", "streamed", "--path", path)
        seconds, peak = command(path, Path(folder))
        origin, costs = part("--part", "cached")
    facts = {
        "data": origin,
        "events": chosen.events,
        "cached": costs,
        "streamed": streams,
        "cache_ratio": costs["decoded"]["cpu"] / costs["mapped and checked"]["cpu"],
        "rate_ratio": streams["in memory"]["wall"] / streams["streamed"]["wall"],
        "seconds": seconds,
        "peak_mib": peak,
    }
    print(json.dumps(facts) if chosen.json else table(facts))
    sys.exit(facts["rate_ratio"] < RATE_TARGET or facts["peak_mib"] >= MEMORY_TARGET_MIB)


if __name__ == "__main__":
    main()
