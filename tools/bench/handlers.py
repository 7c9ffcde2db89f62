"""What a plain Python handler costs on worker processes: `dbatch run` on two of them, against two bare loops."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dbatch.batch import RunRequest
from dbatch.data.sample import sample_path
from dbatch.engine.execute import Execution
from dbatch.trials.launch import launch
from dbatch.trials.trial import Trial

SECURITIES = 8
WORKERS = 2
CHUNK_ROWS = 100_000
SPEED_UP_TARGET = 0.95
CPU_TARGET_PCT = 3.0
DAY = 86_400_000_000_000

HANDLER = '''"""A quoting strategy as people write them: a loop over rows, an order book, a dict of state."""

QUOTE_SHARES = 1_000
LIMIT_SHARES = 20_000
COOLDOWN_SECONDS = 600


def quoter(security, chunk, orderbook, state):
    trades = state.setdefault("trades", [])
    position = state.get("position", 0)
    cost = state.get("cost", 0.0)
    pnl = state.get("pnl", 0.0)
    last_fill = state.get("last_fill")
    for row in chunk.itertuples(index=False):
        orderbook.apply_update(
            {"timestamp": row.timestamp, "type": row.type, "price": row.price, "volume": row.volume}
        )
        if row.type != "trade":
            continue
        bid, ask = orderbook.get_best_bid(), orderbook.get_best_ask()
        if bid is None or ask is None or row.volume < QUOTE_SHARES:
            continue
        if last_fill is not None and (row.timestamp - last_fill).total_seconds() < COOLDOWN_SECONDS:
            continue
        if row.price <= bid[0] and position < LIMIT_SHARES:
            quantity = QUOTE_SHARES
        elif row.price >= ask[0] and position > -LIMIT_SHARES:
            quantity = -QUOTE_SHARES
        else:
            continue
        realized = 0.0
        if position * quantity < 0:
            realized = -quantity * (row.price - cost / position)
            cost += quantity * cost / position
        else:
            cost += quantity * row.price
        position += quantity
        pnl += realized
        last_fill = row.timestamp
        trades.append(
            {
                "timestamp": row.timestamp,
                "side": "buy" if quantity > 0 else "sell",
                "fill_price": row.price,
                "fill_qty": abs(quantity),
                "realized_pnl": realized,
                "position": position,
                "pnl": pnl,
            }
        )
    state.update(position=position, cost=cost, pnl=pnl, last_fill=last_fill)
    return state


def create_bench_quoter_handler(config):
    return quoter
'''

BARE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import pandas
from bench_quoter import create_bench_quoter_handler
from dbatch.strategies import OrderBook

rows = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
wall, cpu = time.perf_counter(), time.process_time()
fills = 0
for path in sys.argv[3:]:
    handler, book, state = create_bench_quoter_handler({}), OrderBook(), {}
    frame = pandas.read_parquet(path).astype({"type": object})
    for first in range(0, len(frame), rows):
        state = handler(path, frame.iloc[first : first + rows], book, state)
    fills += len(state["trades"])
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, fills]), flush=True)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds: wall and CPU of the work alone, and wall with starting and closing processes; how many fills."""

    work: float
    cpu: float
    total: float
    fills: int


@dataclass(frozen=True)
class Verdict:
    """Medians over the repeats of ratios within one repeat; `cpu_beyond_pct` is CPU beyond the bare loops'."""

    speed_up_ratio: float
    total_ratio: float
    cpu_beyond_pct: float

    @property
    def holds(self) -> bool:
        return self.speed_up_ratio >= SPEED_UP_TARGET and self.cpu_beyond_pct <= CPU_TARGET_PCT


def write_market(folder: Path, rows: int) -> list[Path]:
    """Return Parquet files of `rows` events each: the sample's first security, tiled, each copy days after the last."""
    source = pq.read_table(sorted(sample_path().glob("*.parquet"))[0]).to_pandas()
    source = source[source["price"] > 0].reset_index(drop=True)  # what dbatch would not show a handler
    times = source["timestamp"].to_numpy("datetime64[ns]").view("int64")
    span = (int(times.max() - times.min()) // DAY + 1) * DAY
    copies = -(-rows // len(source))
    tiled = source.loc[np.tile(source.index.to_numpy(), copies)[:rows]].reset_index(drop=True)
    shift = np.repeat(np.arange(copies), len(source))[:rows] * span
    tiled["timestamp"] = (np.tile(times, copies)[:rows] + shift).view("datetime64[ns]")
    folder.mkdir()
    paths = [folder / f"s{number}.parquet" for number in range(SECURITIES)]
    for path in paths:
        tiled.to_parquet(path, index=False)
    return paths


def bare(strategies: Path, paths: Sequence[Path], processes: int) -> Cost:
    """Return what it costs to go through `paths` in bare loops, an equal share in each of `processes`."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", BARE, strategies, str(CHUNK_ROWS)]
    loops = [
        subprocess.Popen(
            [*command, *paths[number::processes]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(processes)
    ]
    assert all(loop.stdout.readline() == "ready\n" for loop in loops)
    for loop in loops:
        loop.stdin.write("go\n")
        loop.stdin.flush()
    costs = [json.loads(loop.communicate()[0]) for loop in loops]
    total = time.perf_counter() - begin
    return Cost(max(cost[0] for cost in costs), sum(cost[1] for cost in costs), total, sum(cost[2] for cost in costs))


def dbatch(strategies: Path, ticks: Path, output_dir: Path) -> Cost:
    """Return what the same costs with `dbatch run`; CPU of its whole process tree."""
    request = RunRequest(
        "bench_quoter",
        str(ticks),
        strategy_paths=(str(strategies),),
        output_dir=str(output_dir),
        chunk_rows=CHUNK_ROWS,
        execution=Execution(workers=WORKERS),
    )
    begin = time.perf_counter()
    outcome = launch(Trial("run", request))
    total = time.perf_counter() - begin
    assert outcome.fault is None, outcome.fault
    fills = pq.read_metadata(output_dir / "fills.parquet").num_rows
    return Cost(outcome.measured.wall.work, outcome.measured.cpu.work, total, fills)


def measure(folder: Path, rows: int, runs: int) -> dict[str, list[Cost]]:
    """Return the costs of one bare loop, of two, and of dbatch, each `runs` times, in turns."""
    strategies = folder / "strategies"
    strategies.mkdir()
    (strategies / "bench_quoter.py").write_text(HANDLER)
    paths = write_market(folder / "ticks", rows)
    ways = {
        "one bare loop": lambda _: bare(strategies, paths, 1),
        "two bare loops": lambda _: bare(strategies, paths, WORKERS),
        "dbatch, two workers": lambda i: dbatch(strategies, folder / "ticks", folder / f"out{i}"),
    }
    dbatch(strategies, folder / "ticks", folder / "first")  # files in the page cache, nothing to compile
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for i in range(runs):
        for name in ways if i % 2 else reversed(ways):
            costs[name].append(ways[name](i))
            print(f"{i + 1}/{runs} {name}: {costs[name][-1]}", file=sys.stderr)
    counts = {cost.fills for several in costs.values() for cost in several}
    assert len(counts) == 1, f"numbers of fills differ: {counts}"
    return costs


def verdict(costs: dict[str, list[Cost]]) -> Verdict:
    """Return how dbatch compares; a speed-up is against one bare loop, so a ratio of two is one of seconds."""
    pairs = list(zip(costs["two bare loops"], costs["dbatch, two workers"], strict=True))
    return Verdict(
        statistics.median(loops.work / ours.work for loops, ours in pairs),
        statistics.median(loops.total / ours.total for loops, ours in pairs),
        100 * (statistics.median(ours.cpu / loops.cpu for loops, ours in pairs) - 1),
    )


def table(costs: dict[str, list[Cost]], found: Verdict) -> str:
    """Return costs and verdict as text for people."""
    alone = costs["one bare loop"]
    lines = [f"{'medians':22}{'work s':>9}{'speed-up':>10}{'CPU s':>9}{'all s':>9}{'speed-up':>10}{'fills':>9}"]
    for name, several in costs.items():
        work, cpu, total = (
            statistics.median(getattr(cost, field) for cost in several) for field in ("work", "cpu", "total")
        )
        by_work = statistics.median(one.work / cost.work for one, cost in zip(alone, several, strict=True))
        by_total = statistics.median(one.total / cost.total for one, cost in zip(alone, several, strict=True))
        lines.append(f"{name:22}{work:9.2f}{by_work:10.3f}{cpu:9.2f}{total:9.2f}{by_total:10.3f}{several[0].fills:9,}")
    lines += [
        f"speed-up of dbatch / of two bare loops: {found.speed_up_ratio:.3f} (target >= {SPEED_UP_TARGET}), "
        f"with start-up {found.total_ratio:.3f}",
        f"CPU beyond two bare loops: {found.cpu_beyond_pct:+.2f} % (target <= {CPU_TARGET_PCT} %)",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each way")
    parser.add_argument("--rows", type=int, default=400_000, help="events of each security")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(Path(folder), chosen.rows, chosen.runs)
    found = verdict(costs)
    if chosen.json:
        seconds = {name: [vars(cost) for cost in several] for name, several in costs.items()}
        print(json.dumps({"rows": chosen.rows, **vars(found), "holds": found.holds, "seconds": seconds}))
    else:
        print(table(costs, found))
    sys.exit(not found.holds)


if __name__ == "__main__":
    main()
