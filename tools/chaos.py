"""Batches of 200 jobs, each disturbed in its own way and resumed: each must become what it is undisturbed.

Drivers are killed at every step of a publication and at random moments, workers one and all, a scheduler under its
batch. In the end results must equal those of a serial batch bit for bit, and no job be counted twice, no process and no
temporary file be left. Exits with 1 when a case is wrong; what it left lies in the folder that its line names.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psutil

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "chaos"))

from chaos_moments import faults_of_moments
from chaos_processes import Cluster, Marked, wait_until
from chaos_scene import Scene

from dbatch.durable import CRASH_AT, PUBLICATION
from dbatch.results.ledger import LEDGER_NAME

Driver = subprocess.Popen[bytes]
Way = tuple[str, ...]

RUNS: Final = 100
JOBS: Final = 2 * RUNS
UNIT: Final = 5
UNITS: Final = JOBS // UNIT
MOMENTS: Final = 20
NAP_SEC: Final = 0.01
_KILLED: Final = -9
_RESUMABLE: Final = 4
_LONGEST_SEC: Final = 120.0

WAYS: Final[dict[str, Way]] = {
    "serial": ("--serial", "--isolate", "none"),
    "threads": ("--workers", "2", "--isolate", "none", "--no-dashboard"),
    "children": ("--workers", "2", "--no-dashboard"),
    "workers": ("--workers", "2", "--isolate", "worker", "--no-dashboard"),
}
STEPS: Final = {"serial": (1, 2, 3, 4, 5, 7), "threads": (3, 6, 7, 8), "children": (2, 4, 5, 7), "workers": (6, 7, 8)}
"""The steps at which the driver is killed. It takes them all but 6 and 8, of tasks, in a serial batch, and all but the
first five where workers publish."""

TIMES: Final = (1, UNITS // 2, UNITS)
"""The first unit, one in the middle, and the last, after which only files for people are missing."""


@dataclass(frozen=True)
class Case:
    """What befalls a batch: `deed` starts it and has it come to grief, or raises AssertionError when it does not.

    `deed` returns what it has to say about it.
    """

    name: str
    deed: Callable[[Scene], str]


def cases(seed: int, *, quick: bool) -> Iterator[Case]:
    """Yield what is tried, some of it only when `quick`; `seed` decides about moments."""
    for way, steps in STEPS.items():
        for step in steps:
            for at in TIMES:
                if not quick or (way in ("serial", "threads") and at == TIMES[1]):
                    yield _killed_at(way, step, at)
    for step in (3, 4):
        yield _killed_at("serial", step, UNITS + 2)  # of files for people the second
    chance = random.Random(seed)
    for number in range(2 if quick else MOMENTS):
        way, share, part = list(WAYS)[number % len(WAYS)], chance.random(), chance.random()
        yield Case(
            f"the driver killed at {share:.1%} of its work, {way}", partial(killed_at_a_moment, way, share, part)
        )
    for step in (3,) if quick else range(1, 6):
        name = f"a worker of a cluster killed at step {step}, {PUBLICATION[step - 1]}"
        yield Case(name, partial(worker_killed_at, step))
    yield Case("one of our own workers killed", partial(workers_killed, 1))
    yield Case("all of our own workers killed", partial(workers_killed, 2))
    yield Case("a child killed that is at a job", partial(children_killed, 3))
    yield Case("the process killed that forks children", partial(children_killed, 2))
    yield Case("a cluster's workers killed, then its scheduler", scheduler_killed)
    for before in () if quick else ("nothing", "an interrupted call", "a finished one"):
        yield Case(f"killed at every moment of a call after {before}, six jobs", partial(every_moment, before))


def _killed_at(way: str, step: int, at: int) -> Case:
    name = f"the driver killed at step {step}, {PUBLICATION[step - 1]}, time {at}, {way}"
    return Case(name, partial(killed_at, way, step, at))


def killed_at(way: str, step: int, at: int, batch: Scene) -> str:
    """Kill the driver when it has taken `step` the `at`-th time."""
    _end(batch, _start(batch, WAYS[way], **{CRASH_AT: f"{step}:{at}"}), _KILLED)
    return f"{batch.receipts()} of {JOBS} jobs in the ledger"


def killed_at_a_moment(way: str, share: float, part: float, batch: Scene) -> str:
    """Kill the driver when `share` of the jobs have receipts and then `part` of the time of two units has passed."""
    driver = _start(batch, WAYS[way])
    wait_until((batch.out / LEDGER_NAME).exists)
    batch.wait_for_receipts(round(share * (JOBS - 1)), driver)
    time.sleep(part * 2 * UNIT * NAP_SEC)
    driver.kill()
    _end(batch, driver, _KILLED)
    return f"{batch.receipts()} of {JOBS} jobs in the ledger"


def workers_killed(how_many: int, batch: Scene) -> str:
    """Kill worker processes of the batch's own cluster; the batch starts others and comes to its end."""
    driver = _start(batch, WAYS["workers"])
    batch.wait_for_receipts(JOBS // 4, driver)
    wait_until(lambda: len(batch.processes.workers()) == 2)
    _kill(batch.processes.workers()[:how_many])
    _end(batch, driver, 0)
    return "the batch came to its end"


def children_killed(depth: int, batch: Scene) -> str:
    """Kill what is `depth` processes below the driver: 2 the server that forks, 3 its children. The batch retries."""
    driver = _start(batch, (*WAYS["children"], "--retries", "2"))
    batch.wait_for_receipts(JOBS // 4, driver)
    wait_until(lambda: bool(_kill(_below(driver.pid, depth))))
    _end(batch, driver, 0)
    return "the batch came to its end"


def worker_killed_at(step: int, batch: Scene) -> str:
    """Have a worker of an existing cluster killed when it has taken `step` twice; the other one does all the rest."""
    cluster = Cluster(batch.processes, workers=1)
    mortal = cluster.add_worker("--no-nanny", **{CRASH_AT: f"{step}:2"})
    _end(batch, _start(batch, ("--scheduler", cluster.address)), 0)
    assert mortal.wait(_LONGEST_SEC) == _KILLED
    batch.processes.kill_all()
    return "the batch came to its end"


def scheduler_killed(batch: Scene) -> str:
    """Kill the workers of an existing cluster, which come back, and then its scheduler, which does not."""
    cluster = Cluster(batch.processes)
    driver = _start(batch, ("--scheduler", cluster.address))
    batch.wait_for_receipts(JOBS // 4, driver)
    _kill(batch.processes.workers())
    batch.wait_for_receipts(JOBS // 2, driver)
    cluster.scheduler.kill()
    _end(batch, driver, _RESUMABLE)
    batch.processes.kill_all()
    return f"{batch.receipts()} of {JOBS} jobs in the ledger"


def every_moment(before: str, batch: Scene) -> str:
    """Go on from a small batch as it is before each change of a file, and at last undisturbed with the large one."""
    folder = batch.folder / "small"
    folder.mkdir()
    found = list(faults_of_moments(Scene(folder, 3), before))
    wrong = [f"{moment}: {faults}" for moment, faults in found if faults]
    if wrong or not found:
        raise AssertionError(f"{len(wrong)} of {len(found)} moments are wrong: {'; '.join(wrong)}")
    return f"{len(found)} moments"


def _start(batch: Scene, way: Way, **environment: str) -> Driver:
    return batch.start("batch", *way, "--units", str(UNIT), nap=NAP_SEC, **environment)


def _end(batch: Scene, driver: Driver, code: int) -> None:
    """Wait for the driver's end. Raises AssertionError when it has another exit code, TimeoutExpired when none."""
    found = driver.wait(_LONGEST_SEC)
    if found != code:
        raise AssertionError(f"the driver ended with {found} rather than {code}: {batch.processes.said()}")


def _kill(processes: Sequence[psutil.Process]) -> Sequence[psutil.Process]:
    for process in processes:
        process.kill()
    return processes


def _below(pid: int, depth: int) -> list[psutil.Process]:
    """Return those that are `depth` processes below `pid`."""
    found = [psutil.Process(pid)]
    for _ in range(depth):
        found = [child for process in found for child in process.children()]
    return found


def faults_of(case: Case, batch: Scene) -> tuple[str, list[str]]:
    """Return what `case` has to say, and what is wrong with `batch` once it was disturbed and resumed: good is none."""
    try:
        said = case.deed(batch)
        batch.processes.wait_until_gone()
        known = (batch.out / LEDGER_NAME).exists()
        _end(batch, batch.start("resume") if known else batch.start("batch"), 0)
        batch.processes.wait_until_gone()
        faults = batch.faults()
        if computed := batch.resumed().computed:
            faults.append(f"resumed once more it computes {computed} jobs")
    except (AssertionError, psutil.Error, subprocess.TimeoutExpired) as fault:
        return "", [str(fault)]
    return said, faults


def carry_out(listed: Sequence[Case], folder: Path) -> int:
    """Return how many cases are wrong; a line is printed for each, and the folders of wrong ones are left."""
    wrong, digest = 0, None
    for number, case in enumerate(listed):
        place = folder / f"{number:03d}"
        place.mkdir()
        processes = Marked(place)
        begin = time.monotonic()
        try:
            batch = Scene(place, RUNS, processes, digest)
            digest = batch.digest
            said, faults = faults_of(case, batch)
        finally:
            processes.kill_all()
        wrong += bool(faults)
        head = f"{number + 1:3}/{len(listed)} {time.monotonic() - begin:5.1f} s  {case.name}"
        print(f"{head}: WRONG, see {place}" if faults else f"{head}: ok, {said}", flush=True)
        for fault in faults:
            print(f"        {fault}", flush=True)
        if not faults:
            shutil.rmtree(place)
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all cases and print; return 1 when one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="of the random moments; another one each time by default")
    parser.add_argument("--quick", action="store_true", help="some cases only")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases with this in their names")
    chosen = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if chosen.seed is None else chosen.seed
    listed = [case for case in cases(seed, quick=chosen.quick) if chosen.only in case.name]
    print(f"{len(listed)} batches of {JOBS} jobs, --seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="dbatch-chaos-"))
    wrong = carry_out(listed, folder)
    print(f"{wrong} of {len(listed)} are wrong, see {folder}" if wrong else f"all {len(listed)} are as they must be")
    if not wrong:
        shutil.rmtree(folder)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
