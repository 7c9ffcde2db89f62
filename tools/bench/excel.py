"""What `dbatch convert-excel` costs: against a reader alone, with two workers against one, and its peak of memory.

Two workers are judged by the longest chain of CPU, the driver and the child that had most to do: it is what they take
where two cores are free. Their wall time, which whatever else runs on the machine makes longer, is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from command import Cost, median, timed

PROJECT = Path(__file__).resolve().parents[2]
SPEED_TARGET = 0.75
WORKERS_TARGET = 1.6
MEMORY_TARGET_MB = 1000
LOOK_EVERY_SEC = 0.02
READERS = {
    "calamine, row by row": """
import sys
from python_calamine import CalamineWorkbook
book = CalamineWorkbook.from_path(sys.argv[1])
for name in book.sheet_names:
    for row in book.get_sheet_by_name(name).iter_rows():
        pass
""",
    "calamine, as a list": """
import sys
from python_calamine import CalamineWorkbook
book = CalamineWorkbook.from_path(sys.argv[1])
for name in book.sheet_names:
    book.get_sheet_by_name(name).to_python()
""",
    "fastexcel, to Arrow": """
import sys
import fastexcel
book = fastexcel.read_excel(sys.argv[1])
for name in book.sheet_names:
    book.load_sheet(name, header_row=2, dtype_coercion="strict", schema_sample_rows=None).to_arrow()
""",
}
ONE, TWO = "convert-excel, one worker", "convert-excel, two workers"


@dataclass(frozen=True)
class Found:
    """Median seconds of each way; the ratios are medians of those within one turn; the peak is of all processes.

    `workers` is the gain of two of them by the longest chain of CPU, `workers_wall` by the clock.
    """

    seconds: dict[str, Cost]
    speed: float
    speed_against_arrow: float
    workers: float
    workers_wall: float
    peak_mb: float

    @property
    def holds(self) -> bool:
        return self.speed >= SPEED_TARGET and self.workers >= WORKERS_TARGET and self.peak_mb < MEMORY_TARGET_MB


def measure(workbook: Path, folder: Path, runs: int) -> Found:
    """Return what was found in `runs` turns; every conversion goes into an empty folder below `folder`."""
    ways: dict[str, list[str | Path]] = {name: [sys.executable, "-c", code, workbook] for name, code in READERS.items()}
    ways |= {ONE: [*_convert(workbook, folder), "--workers", "1"], TWO: [*_convert(workbook, folder), "--workers", "2"]}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(runs):
        for name in ways if turn % 2 else reversed(ways):
            shutil.rmtree(folder / "out", ignore_errors=True)
            costs[name].append(timed(ways[name], dict(os.environ)))
    rows, lists, arrow = (costs[name] for name in READERS)
    fastest = [min(a.cpu, b.cpu) for a, b in zip(rows, lists, strict=True)]
    one, two = costs[ONE], costs[TWO]
    chains = [_watched(ways[TWO], folder).chain_sec for _ in range(runs)]
    return Found(
        {name: median(values) for name, values in costs.items()},
        speed=statistics.median(a / b.cpu for a, b in zip(fastest, one, strict=True)),
        speed_against_arrow=statistics.median(a.cpu / b.cpu for a, b in zip(arrow, one, strict=True)),
        workers=statistics.median(cost.cpu for cost in one) / statistics.median(chains),
        workers_wall=statistics.median(a.wall / b.wall for a, b in zip(one, two, strict=True)),
        peak_mb=_watched(_convert(workbook, folder), folder).peak_mb,
    )


def _convert(workbook: Path, folder: Path) -> list[str | Path]:
    return [sys.executable, "-m", "dbatch", "convert-excel", workbook, "--output-dir", folder / "out"]


@dataclass(frozen=True)
class Watched:
    """The most resident memory of all processes (pages they share count in each), and the longest chain of CPU."""

    peak_mb: float
    chain_sec: float


def _watched(command: Sequence[str | Path], folder: Path) -> Watched:
    shutil.rmtree(folder / "out", ignore_errors=True)
    peak = 0
    cpu: dict[int, float] = {}
    with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            held = 0
            for member in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):  # it ended meanwhile: what was seen last counts
                    held += member.memory_info().rss
                    times = member.cpu_times()
                    cpu[member.pid] = times.user + times.system
            peak = max(peak, held)
            time.sleep(LOOK_EVERY_SEC)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Watched(peak / 1e6, cpu.pop(process.pid) + max(cpu.values()))


def table(rows: int, sheets: int, found: Found) -> str:
    """Return what was found as text for people."""
    lines = [f"seconds of a whole process, {rows:,} rows on {sheets} sheets", f"{'':28}{'CPU':>8}{'wall':>8}"]
    lines += [f"{name:28}{cost.cpu:8.2f}{cost.wall:8.2f}" for name, cost in found.seconds.items()]
    lines += [
        f"speed of one worker / of the faster calamine, CPU: {found.speed:.2f} (target >= {SPEED_TARGET})",
        f"speed of one worker / of fastexcel, CPU: {found.speed_against_arrow:.2f}",
        f"speed of two workers / of one: {found.workers:.2f} by the longest chain of CPU (target >= {WORKERS_TARGET}), "
        f"{found.workers_wall:.2f} by the clock",
        f"peak memory of all processes, workers by default: {found.peak_mb:,.0f} MB (target < {MEMORY_TARGET_MB:,})",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each way")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sheets", type=int, default=4)
    parser.add_argument("--shared-strings", action="store_true", help="kinds as Excel saves them")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(folder, "ticks.xlsx")
        make = [sys.executable, PROJECT / "tools/make_workbook.py", workbook, "--rows", str(chosen.rows)]
        make += ["--sheets", str(chosen.sheets), *(["--shared-strings"] if chosen.shared_strings else [])]
        subprocess.run(make, check=True)
        found = measure(workbook, Path(folder), chosen.runs)
    if chosen.json:
        print(json.dumps({"rows": chosen.rows, "sheets": chosen.sheets, **asdict(found), "holds": found.holds}))
    else:
        print(table(chosen.rows, chosen.sheets, found))
    sys.exit(not found.holds)


if __name__ == "__main__":
    main()
