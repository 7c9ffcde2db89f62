"""`dbatch scan` as a whole command over BigBar's grid and 4,620 pairs of windows, against a hand-written loop each."""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ticks import golden_folder

from bars import Case, bigbar_case, sma_case

TARGET: Final = 1.3
WORKERS: Final = (2, 1)
_WIDTHS: Final = (8, 9, 9, 8, 12, 7, 10, 7, 9, 8)
EVERY: Final = 61  # of the sets that the bare loop runs: prime to the lengths of the grid's axes


@dataclass(frozen=True)
class Question:
    """A case, its command's options, of the whole grid and of a few sets, and how many sets these are."""

    case: Case
    file: str
    grid: tuple[str, ...]
    few: tuple[str, ...]
    few_sets: int

    @property
    def sets(self) -> int:
        return len(self.case.sets)


@dataclass(frozen=True)
class Turn:
    """CPU seconds of a command, its peak of memory in MiB, and the row that it found best."""

    cpu: float
    peak_mb: float
    best: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Medians: microseconds of CPU a further set, and a set of the whole command; `ratio`s are to the bare loop."""

    strategy: str
    workers: int
    sets: int
    bare_us: float
    bare_ns_step: float
    further_us: float
    further_ratio: float
    whole_us: float
    whole_ratio: float
    peak_mb: float
    few_mb: float
    best: tuple[str, ...]


def questions() -> list[Question]:
    """Return what is asked: BigBar's 112,840 sets, and 4,620 SMA crosses."""
    rest = ("--grid", "k_atr_int=10..40", "--grid", "uptail_max_ratio_int=5..9", "--grid", "previous_weight_int=1..8")
    slow = ("--grid", "slow=75..140")
    return [
        Question(
            bigbar_case(1),
            "gd5m.csv",
            ("--grid", "atr_period=10..100", *rest),
            ("--grid", "atr_period=10", *rest),
            1_240,
        ),
        Question(sma_case(), "eurusd_1h.csv", ("--grid", "fast=5..74", *slow), ("--grid", "fast=5", *slow), 66),
    ]


def scanned(question: Question, grid: Sequence[str], workers: int) -> Turn:
    """Return what the command cost; raises CalledProcessError when it fails."""
    data = golden_folder() / "bars" / question.file
    command = [sys.executable, "-m", "dbatch", "scan", "--strategy", question.case.name, "--data", str(data), *grid]
    options = ["--workers", str(workers), "--objective", "return", "--top", "1", "-f", "csv"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = _waited(process)
    assert status == 0, f"{command}: exit status {status}"
    (row,) = csv.DictReader(io.StringIO(out))
    best = tuple(value for name, value in row.items() if name.startswith("param."))
    return Turn(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, (*best, row["total_pnl"]))


def _waited(process: subprocess.Popen[str]) -> tuple[int, int, resource.struct_rusage]:
    import os

    found = os.wait4(process.pid, 0)
    process.returncode = found[1]
    return found


def bare_us(case: Case, sets: Sequence[Any]) -> float:
    """Return the microseconds of CPU that the hand-written loop takes for a set."""
    case.bare(sets[0])
    began = time.process_time()
    for one in sets:
        case.bare(one)
    return (time.process_time() - began) / len(sets) * 1e6


def measure(question: Question, workers: int, runs: int) -> Row:
    """Return the medians of `runs` turns: bare loop, few sets, whole grid, one after the other."""
    sets = question.case.sets[::EVERY]
    turns = []
    for run in range(runs):
        bare = bare_us(question.case, sets)
        few = scanned(question, question.few, workers)
        whole = scanned(question, question.grid, workers)
        turns.append((bare, few, whole))
        print(f"{question.case.name}, {workers} workers, {run + 1}/{runs}: {whole.cpu:.2f} s of CPU", file=sys.stderr)
    assert len({whole.best for _, _, whole in turns}) == 1
    further = [(whole.cpu - few.cpu) / (question.sets - question.few_sets) * 1e6 for _, few, whole in turns]
    all_us = [whole.cpu / question.sets * 1e6 for _, _, whole in turns]
    loops = [bare for bare, _, _ in turns]

    def ratio(values: Sequence[float]) -> float:
        return statistics.median(value / loop for value, loop in zip(values, loops, strict=True))

    median = statistics.median(loops)
    return Row(
        question.case.name,
        workers,
        question.sets,
        median,
        median * 1e3 / question.case.steps,
        statistics.median(further),
        ratio(further),
        statistics.median(all_us),
        ratio(all_us),
        statistics.median(whole.peak_mb for _, _, whole in turns),
        statistics.median(few.peak_mb for _, few, _ in turns),
        turns[0][2].best,
    )


def table(rows: Sequence[Row]) -> str:
    """Return `rows` as text for people."""
    names = ("workers", "sets", "bare us", "ns/bar", "further us", "ratio", "whole us", "ratio", "peak MB", "few MB")
    head = "strategy   " + "".join(name.rjust(width) for name, width in zip(names, _WIDTHS, strict=True)) + "  best"
    lines = [f"CPU of a backtest with all metrics of its job; target: ratio of a further one <= {TARGET}", head]
    for row in rows:
        told = (
            f"{row.strategy:11}{row.workers:8}{row.sets:9,}{row.bare_us:9.1f}{row.bare_ns_step:8.2f}{row.further_us:12.1f}"
            f"{row.further_ratio:7.2f}{row.whole_us:10.1f}{row.whole_ratio:7.2f}{row.peak_mb:9.0f}{row.few_mb:8.0f}"
        )
        lines.append(f"{told}  {' '.join(row.best)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="turns; medians are told (3)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    rows = [measure(question, workers, options.runs) for question in questions() for workers in WORKERS]
    print(table(rows))
    for strategy in {row.strategy for row in rows}:
        assert len({row.best for row in rows if row.strategy == strategy}) == 1, "the best set depends on the workers"
    if options.json:
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=2))
    sys.exit(any(row.further_ratio > TARGET for row in rows if row.strategy == "bigbar"))


if __name__ == "__main__":
    main()
