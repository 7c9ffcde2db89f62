"""The endurance test: thousands of runs, and no more memory at the end than early on, even where a handler leaks."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from made_up import write_market
from sampling import Sample, sample

from dbatch.batch.carry_out import carry_out
from dbatch.batch.options import BatchOptions, Isolate
from dbatch.batch.plan import plan_batch, with_name
from dbatch.batch.progress import Progress, SilentBatch
from dbatch.config.batch_file import load_batch
from dbatch.engine.execute import Execution

CONFIGS: Final = Path(__file__).resolve().parents[2] / "configs"
WORKERS: Final = 2
BATCH_SIZE: Final = 20
BOUND_PCT: Final = 5.0
FEWEST: Final = 8
EVENTS: Final = 300


@dataclass(frozen=True)
class Case:
    """A batch, where its jobs run, how many runs of it at most, and whether its memory must be flat or must grow."""

    config: str
    isolate: Isolate
    runs: int
    flat: bool


CASES: Final[Mapping[str, Case]] = {
    "compiled pool": Case("pool_4620.yaml", "auto", 4_620, flat=True),
    "leaking": Case("leaking_4620.yaml", "auto", 4_620, flat=True),
    "leaking, not isolated": Case("leaking_4620.yaml", "worker", 600, flat=False),
}


@dataclass(frozen=True)
class Found:
    """How a case went: runs by status, the memory at every receipt, the largest first of each kind."""

    statuses: Mapping[str, int]
    samples: tuple[Sample, ...]


class AtEveryReceipt(SilentBatch):
    """Samples the memory of this process and all below it whenever receipts have come."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._done = 0
        self._progress: Progress | None = None

    def started(self, name: str, progress: Progress, slots: int, dashboard: str | None) -> None:
        self._progress = progress

    def tick(self) -> None:
        if self._progress is not None and self._progress.jobs_done > self._done:
            self._done = self._progress.jobs_done
            self.samples.append(sample())


def carried_out(case: Case, runs: int, batch_size: int, folder: Path) -> Found:
    """Return how the first `runs` runs of `case` went in this process and its workers, its results below `folder`."""
    os.chdir(folder)
    options = BatchOptions(
        execution=Execution(WORKERS, dashboard=False), isolate=case.isolate, unit_jobs=batch_size, runs=(0, runs)
    )
    plan = plan_batch(with_name(load_batch(str(CONFIGS / case.config)), None, folder / "output"), options)
    observer = AtEveryReceipt()
    outcome = carry_out(plan, options, observer)
    return Found(outcome.runs, tuple(observer.samples))


def apart(name: str, runs: int, batch_size: int) -> Found:
    """Return how the case called `name` went in a fresh process. Raises CalledProcessError when that fails."""
    with tempfile.TemporaryDirectory() as folder:
        if CASES[name].config.startswith("leaking"):
            write_market(Path(folder, "data"), 1, EVENTS)
        command = [sys.executable, __file__, "--case", name, "--runs", str(runs), "--batch-size", str(batch_size)]
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    facts = json.loads(done.stdout)
    return Found(facts["statuses"], tuple(Sample(**each) for each in facts["samples"]))


@dataclass(frozen=True)
class Verdict:
    """What is said of a case: MiB on average in the second and in the last quarter of its receipts.

    `rss` and `own` are those of `Sample`; `holds` is whether all runs succeeded, and memory was flat or grew as asked.
    """

    case: str
    runs: int
    succeeded: int
    receipts: int
    rss: tuple[float, float]
    own: tuple[float, float]
    holds: bool


def verdict(name: str, case: Case, runs: int, found: Found) -> Verdict:
    """Return what is said of `found`. Raises ValueError for too few receipts to say anything."""
    if len(found.samples) < FEWEST:
        raise ValueError(f"{name}: {len(found.samples)} receipts, quarters need at least {FEWEST}: more --runs")
    rss = quarters([each.rss for each in found.samples])
    own = quarters([each.own for each in found.samples])
    flat = max(abs(change_pct(rss)), abs(change_pct(own))) <= BOUND_PCT
    succeeded = found.statuses.get("success", 0)
    holds = succeeded == runs == sum(found.statuses.values()) and flat == case.flat
    return Verdict(name, runs, succeeded, len(found.samples), rss, own, holds)


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """Return the means of the second and of the last quarter of `values`.

    >>> quarters([9.0, 9.0, 1.0, 3.0, 5.0, 5.0, 7.0, 9.0])
    (2.0, 8.0)
    """
    size = len(values) // 4
    second, last = values[size : 2 * size], values[-size:]
    return sum(second) / size, sum(last) / size


def change_pct(means: tuple[float, float]) -> float:
    """Return by how many per cent the second mean is above the first."""
    return 100 * (means[1] / means[0] - 1)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return `verdicts` as text for people."""
    lines = [
        f"MiB of the whole process tree, {WORKERS} workers; second and last quarter of receipts, bound {BOUND_PCT:g} %",
        f"{'':23}{'runs':>7}{'ok':>7}{'receipts':>10}{'RSS':>16}{'change':>9}{'own':>16}{'change':>9}",
    ]
    for one in verdicts:
        texts = "".join(
            f"{f'{means[0]:.0f} -> {means[1]:.0f}':>16}{change_pct(means):+8.1f}%" for means in (one.rss, one.own)
        )
        asked = "flat" if CASES[one.case].flat else "grows"
        end = f"  {asked}, as it must" if one.holds else f"  FAILED: must be {asked}, all runs ok"
        lines.append(f"{one.case:23}{one.runs:7,}{one.succeeded:7,}{one.receipts:10,}{texts}{end}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the cases and print; return 1 when one did not go as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=max(case.runs for case in CASES.values()), help="runs at most")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="jobs a unit, and a receipt")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--case", choices=list(CASES), help="only this one, in this process and folder; its samples")
    chosen = parser.parse_args(arguments)
    runs = {name: min(chosen.runs, case.runs) for name, case in CASES.items()}
    if chosen.case:
        found = carried_out(CASES[chosen.case], runs[chosen.case], chosen.batch_size, Path.cwd())
        print(json.dumps(asdict(found)))
        return 0
    verdicts = []
    for name, case in CASES.items():
        verdicts.append(verdict(name, case, runs[name], apart(name, runs[name], chosen.batch_size)))
        print(f"{name}: {'as it must' if verdicts[-1].holds else 'FAILED'}", file=sys.stderr)
    if chosen.json:
        print(json.dumps({"bound_pct": BOUND_PCT, "cases": [asdict(one) for one in verdicts]}))
    else:
        print(table(verdicts))
    return int(not all(one.holds for one in verdicts))


if __name__ == "__main__":
    sys.exit(main())
