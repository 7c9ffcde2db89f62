"""What a job costs that does nothing: `dbatch batch` of ten thousand of them, against Dask with a task for each."""

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
from typing import Final

from dbatch.results.consolidate import read_summary
from dbatch.testing import ticks_of

HERE: Final = Path(__file__).resolve().parent
WORKERS: Final = 2
TARGET: Final = 0.1
FEW: Final = 100
NAIVE: Final = "dask"
WAYS: Final = ("compiled", "plain")
_HEAD: Final = [
    (name, width)
    for what, width in (("all, wall", 11), ("all, CPU", 11), ("further, wall", 15), ("further, CPU", 14))
    for name, width in ((what, width), ("ratio", 8))
]

TASK_A_JOB = """
import sys
from distributed import Client, LocalCluster

def nothing(number):
    return number

if __name__ == "__main__":
    with LocalCluster(n_workers=%d, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            futures = [client.submit(nothing, number, pure=False) for number in range(int(sys.argv[1]))]
            client.gather(futures)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one process and all of its children."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Turn:
    """What one way cost in one turn: all jobs, and a few of them, which is little more than starting and ending."""

    whole: Cost
    few: Cost


def timed(command: Sequence[str | Path], folder: Path) -> Cost:
    """Return what `command` costs in `folder`; raises CalledProcessError when it fails.

    Python keeps the bytecode of all modules, ours as Dask's, whatever the caller's environment says of that.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    subprocess.run(command, cwd=folder, env=environment, check=True, **quiet)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def prepare(folder: Path, jobs: int) -> None:
    """Write to `folder` nine events of one security, a batch file for each way, and the script that uses Dask alone."""
    (folder / "data").mkdir()
    events = [f"10:0{minute}:00 {event}" for minute in range(3) for event in ("bid 10.00", "ask 10.02", "trade 10.01")]
    ticks_of(*events).to_parquet(folder / "data" / "one.parquet", index=False)
    for way in WAYS:
        strategy = {"strategy": f"nothing_{way}", "strategy_path": [str(HERE / "strategies")], "data": "data"}
        batch = {"batch_name": way, "description": "jobs that do nothing", "base_args": strategy}
        (folder / f"{way}.json").write_text(json.dumps({**batch, "grid": {"number": f"1..{jobs}"}}))
    (folder / "task_a_job.py").write_text(TASK_A_JOB % WORKERS)


def command(way: str, jobs: int, name: str) -> list[str]:
    """Return the command that carries out `jobs` jobs in one of the ways."""
    if way == NAIVE:
        return [sys.executable, "task_a_job.py", str(jobs)]
    options = ["--workers", str(WORKERS), "--no-dashboard", "--no-progress", "--name", name, "--range", f"0:{jobs}"]
    return [sys.executable, "-m", "dbatch", "batch", f"{way}.json", *options]


def measure(folder: Path, jobs: int, runs: int) -> dict[str, list[Turn]]:
    """Return what each way cost in each of `runs` turns; raises AssertionError unless all jobs succeeded.

    Nothing is deleted meanwhile: ext4 takes far longer to make files in the minutes after many were deleted.
    """
    prepare(folder, jobs)
    ways = (NAIVE, *WAYS)
    for way in ways:
        timed(command(way, 2, f"first-{way}"), folder)  # files in the page cache, loops compiled
    turns: dict[str, list[Turn]] = {way: [] for way in ways}
    for run in range(runs):
        for way in ways if run % 2 else reversed(ways):
            few = timed(command(way, FEW, f"few-{way}-{run}"), folder)
            whole = timed(command(way, jobs, f"{way}-{run}"), folder)
            turns[way].append(Turn(whole, few))
            print(f"{run + 1}/{runs} {way}: {whole.wall:.2f} s, {whole.cpu:.2f} s of CPU", file=sys.stderr)
            if way != NAIVE:
                statuses = read_summary(folder / "output" / f"{way}-{run}").column("status").to_pylist()
                assert statuses == ["success"] * jobs, f"{way}: {len(statuses)} runs, not all of them succeeded"
    return turns


@dataclass(frozen=True)
class Row:
    """Medians of one way over all turns, and of their shares of what `NAIVE` took in the same turn.

    `whole_ms` is the wall time of all divided by the jobs, `whole_cpu_ms` the CPU. `wall_ms` and `cpu_ms` leave
    starting and ending out: what a further job takes.
    """

    way: str
    whole_ms: float
    whole_ratio: float
    whole_cpu_ms: float
    whole_cpu_ratio: float
    wall_ms: float
    wall_ratio: float
    cpu_ms: float
    cpu_ratio: float

    @property
    def holds(self) -> bool:
        return self.way == NAIVE or max(self.whole_cpu_ratio, self.cpu_ratio) <= TARGET


def row(way: str, turns: dict[str, list[Turn]], jobs: int) -> Row:
    """Return the medians of `way` over all turns of `jobs` jobs."""
    pairs = list(zip(turns[way], turns[NAIVE], strict=True))
    measures = (
        lambda turn: turn.whole.wall / jobs * 1e3,
        lambda turn: turn.whole.cpu / jobs * 1e3,
        lambda turn: (turn.whole.wall - turn.few.wall) / (jobs - FEW) * 1e3,
        lambda turn: (turn.whole.cpu - turn.few.cpu) / (jobs - FEW) * 1e3,
    )
    values: list[float] = []
    for measure in measures:
        values.append(statistics.median(measure(ours) for ours, _ in pairs))
        values.append(statistics.median(measure(ours) / measure(naive) for ours, naive in pairs))
    return Row(way, *values)


def table(rows: Sequence[Row], jobs: int) -> str:
    """Return `rows` as text for people."""
    lines = [
        f"ms a job, {jobs:,} jobs that do nothing, {WORKERS} workers; target: CPU <= {TARGET}",
        "".ljust(10) + "".join(name.rjust(width) for name, width in _HEAD),
    ]
    lines += [
        f"{one.way:10}{one.whole_ms:11.3f}{one.whole_ratio:8.3f}{one.whole_cpu_ms:11.3f}{one.whole_cpu_ratio:8.3f}{one.wall_ms:15.3f}{one.wall_ratio:8.3f}"
        f"{one.cpu_ms:14.3f}{one.cpu_ratio:8.3f}"
        for one in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 when a ratio is over the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="turns")
    parser.add_argument("--jobs", type=int, default=10_000, help=f"more than {FEW}")
    parser.add_argument("--folder", type=Path, help="where to work: on the disk that is to be measured")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        turns = measure(Path(folder), chosen.jobs, chosen.runs)
    rows = [row(way, turns, chosen.jobs) for way in turns]
    if chosen.json:
        print(json.dumps({"jobs": chosen.jobs, "target": TARGET, "ways": [vars(one) for one in rows]}))
    else:
        print(table(rows, chosen.jobs))
    return int(not all(one.holds for one in rows))


if __name__ == "__main__":
    sys.exit(main())
