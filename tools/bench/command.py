"""What the whole command costs: `dbatch run`, compiled code cached, against processes that only import and read."""

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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TARGET = 1.6
SAMPLE_TARGET_SEC = 1.3
IMPORTS = "import dask.dataframe, distributed, numba"
BARE = """
import sys
import pandas, pyarrow, dask.dataframe, distributed, numba
import pyarrow.parquet
tables = [pyarrow.parquet.read_table(path) for path in sys.argv[1:]]
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one process and all of its children."""

    cpu: float
    wall: float


def timed(command: Sequence[str | Path], env: dict[str, str]) -> Cost:
    """Return what `command` cost; raises CalledProcessError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of CPU and of wall time."""
    return Cost(statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs))


def measure(folder: Path, runs: int, workers: int) -> tuple[str, dict[str, Cost]]:
    """Return where the ticks came from, and the median cost of each command, measured in turns."""
    golden = Path(os.environ.get("DBATCH_GOLDEN_DIR", PROJECT / "../shared/golden"))
    origin = "golden ticks" if (golden / "ticks").is_dir() else "sample"
    ticks = golden / "ticks" if origin == "golden ticks" else PROJECT / "src/dbatch/sample/ticks"
    configs = golden / "configs" if origin == "golden ticks" else PROJECT / "configs"
    env = os.environ | {"DBATCH_CACHE_DIR": str(folder / "cache")}
    dbatch = [sys.executable, "-m", "dbatch"]
    run = [
        *dbatch, "run", "--strategy", "v1_baseline", "--data", ticks, "--workers", str(workers), "--no-dashboard",
        "--config", configs / "v1_baseline_config.json", "--output-dir",
    ]  # fmt: skip
    bare = [sys.executable, "-c", BARE, *sorted(ticks.glob("*.parquet"))]
    sample = [*dbatch, "run", "--strategy", "v1_baseline", "--output-dir"]
    costs: dict[str, list[Cost]] = {"first run": [timed([*run, folder / "first"], env)]}
    timed([*sample, folder / "first-sample"], env)
    for i in range(runs):
        turn = {
            "bare process": bare,
            "dbatch run": [*run, folder / f"out{i}"],
            "dbatch --help": [*dbatch, "--help"],
            "imports alone": [sys.executable, "-c", IMPORTS],
            "run of the sample": [*sample, folder / f"sample{i}"],
        }
        for name in turn if i % 2 else reversed(turn):
            costs.setdefault(name, []).append(timed(turn[name], env))
    return origin, {name: median(values) for name, values in costs.items()}


def beyond(costs: dict[str, Cost]) -> float:
    """Return the seconds of CPU that a run of the sample takes beyond the imports alone."""
    return costs["run of the sample"].cpu - costs["imports alone"].cpu


def table(origin: str, costs: dict[str, Cost]) -> str:
    """Return the costs as text for people."""
    bare = costs["bare process"]
    lines = [
        f"seconds of a whole process, v1_baseline, {origin}; target CPU ratio of 'dbatch run' <= {TARGET}",
        f"{'':18}{'CPU':>8}{'wall':>8}{'CPU ratio':>11}{'wall ratio':>12}",
    ]
    for name in ("bare process", "dbatch run", "first run", "dbatch --help", "imports alone", "run of the sample"):
        cost = costs[name]
        lines.append(
            f"{name:18}{cost.cpu:8.2f}{cost.wall:8.2f}{cost.cpu / bare.cpu:11.2f}{cost.wall / bare.wall:12.2f}"
        )
    lines.append(
        f"run of the sample, as a user types it, beyond 'python -c \"{IMPORTS}\"': {beyond(costs):.2f} s of CPU "
        f"(target <= {SAMPLE_TARGET_SEC})"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs of each command")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        origin, costs = measure(Path(folder), chosen.runs, chosen.workers)
    ratio = costs["dbatch run"].cpu / costs["bare process"].cpu
    if chosen.json:
        facts = {"data": origin, "target": TARGET, "cpu_ratio": ratio, "sample_beyond_imports_sec": beyond(costs)}
        print(json.dumps(facts | {"seconds": {name: vars(cost) for name, cost in costs.items()}}))
    else:
        print(table(origin, costs))
    sys.exit(ratio > TARGET or beyond(costs) > SAMPLE_TARGET_SEC)


if __name__ == "__main__":
    main()
