"""What the engine adds to a plain Python handler: `run_job` against a bare loop over the same chunks."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from handlers import HANDLER
from ticks import load

from dbatch.data.blocks import EventBlock
from dbatch.engine.fills import Fills, fills_of_trades
from dbatch.engine.job import run_job
from dbatch.engine.plain import chunk_of
from dbatch.strategies import OrderBook

TARGET_PCT = 3.0


def handler() -> Callable[..., Any]:
    """Return the plain handler that `handlers.py` measures too, as people write them."""
    module = ModuleType("bench_quoter")
    exec(HANDLER, vars(module))
    made: Callable[..., Any] = module.create_bench_quoter_handler({})
    return made


def chunks_of(events: EventBlock, rows: int) -> list[EventBlock]:
    """Return `events` in blocks of `rows`, those that a plain handler sees alone."""
    seen = events.rows(events.prices > 0.0)
    return [seen.rows(slice(first, first + rows)) for first in range(0, len(seen), rows)]


def measure(blocks: list[EventBlock], runs: int) -> dict[str, list[float]]:
    """Return the seconds of CPU of `runs` passes of each way, in turns; raises AssertionError unless fills agree."""
    frames = [chunk_of(block) for block in blocks]
    react = handler()

    def bare() -> Fills:
        book, state = OrderBook(), {}
        for frame in frames:
            state = react("A", frame, book, state)
        return fills_of_trades(state["trades"])

    def engine() -> Fills:
        return run_job(react, "A", {}, blocks).fills

    ways = {"bare loop": bare, "run_job": engine}
    assert len({way().digest() for way in ways.values()}) == 1, "fills differ"
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(runs):
        for name in list(ways) if i % 2 else list(ways)[::-1]:
            begin = time.thread_time()
            ways[name]()
            seconds[name].append(time.thread_time() - begin)
    return seconds


def main() -> None:
    """Measure and print; exit code 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="file or folder of ticks in place of the golden ones")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of a chunk")
    parser.add_argument("--runs", type=int, default=9, help="passes of each way")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a line")
    chosen = parser.parse_args()
    origin, events = load(chosen.data)
    security, block = max(events.items(), key=lambda item: len(item[1]))
    blocks = chunks_of(block, chosen.rows)
    seconds = measure(blocks, chosen.runs)
    pairs = zip(seconds["run_job"], seconds["bare loop"], strict=True)
    beyond = 100 * (statistics.median(ours / bare for ours, bare in pairs) - 1)
    rows = sum(map(len, blocks))
    ns = {name: statistics.median(values) / rows * 1e9 for name, values in seconds.items()}
    if chosen.json:
        facts = {"data": origin, "security": security, "events": rows, "ns": ns}
        print(json.dumps({**facts, "beyond_pct": beyond, "target_pct": TARGET_PCT, "holds": beyond <= TARGET_PCT}))
    else:
        print(f"{origin}, {security}, {rows:,} events in chunks of {chosen.rows:,}; CPU an event:")
        print(f"bare loop {ns['bare loop']:,.0f} ns, run_job {ns['run_job']:,.0f} ns")
        print(f"beyond the bare loop: {beyond:+.2f} % (target <= {TARGET_PCT} %)")
    sys.exit(beyond > TARGET_PCT)


if __name__ == "__main__":
    main()
