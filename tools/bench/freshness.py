"""Compiled code is never stale: a building block is edited, and a new process with a warm cache gives other fills."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BLOCK = Path("dbatch/sim/position.py")
RULE = "realized = (price - entry) * closed"
EDITED = "realized = (price - entry) * closed * 2.0"
BACKTEST = """
import hashlib
import dbatch
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.engine.job import run_job
from dbatch.plugins.discovery import resolve
from dbatch.plugins.loading import make_handler

handler = make_handler(resolve("v1_baseline").ref, {})
digest = hashlib.sha256()
for found in open_market(str(sample_path())).securities:
    digest.update(run_job(handler, found.name, {}, read_events(found)).fills.digest().encode())
print(dbatch.__file__)
print(digest.hexdigest())
"""


@dataclass(frozen=True)
class Step:
    """One new process: the digest of its fills, and its seconds of wall time."""

    digest: str
    seconds: float


def backtest(source: Path, cache: Path) -> Step:
    """Return what a new process that imports dbatch from `source` computes over the sample."""
    env = os.environ | {"PYTHONPATH": str(source), "DBATCH_CACHE_DIR": str(cache)}
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", BACKTEST], env=env, check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begin
    imported, digest = done.stdout.split()
    assert Path(imported).is_relative_to(source), f"{imported} was imported, must lie in {source}"
    return Step(digest, seconds)


def replace(path: Path, before: str, after: str) -> None:
    """Change one line of `path` and put its time stamp back, so that only its contents tell."""
    status = path.stat()
    text = path.read_text()
    assert text.count(before) == 1, f"{before!r} must stand once in {path.name}"
    path.write_text(text.replace(before, after))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def measure(folder: Path) -> dict[str, Step]:
    """Return the steps in order: an empty cache, a warm one, the block edited, the block restored."""
    source = folder / "source"
    shutil.copytree(PROJECT / "src/dbatch", source / "dbatch", ignore=shutil.ignore_patterns("__pycache__"))
    cache = folder / "cache"
    steps = {"before, cold": backtest(source, cache), "before, warm": backtest(source, cache)}
    replace(source / BLOCK, RULE, EDITED)
    steps["edited"] = backtest(source, cache)
    replace(source / BLOCK, EDITED, RULE)
    steps["restored"] = backtest(source, cache)
    return steps


def is_fresh(steps: dict[str, Step]) -> bool:
    """Return whether the edit changed the fills, and nothing else did."""
    same = {steps[name].digest for name in ("before, cold", "before, warm", "restored")}
    return len(same) == 1 and steps["edited"].digest not in same


def main() -> None:
    """Edit, measure and print; exit code 1 when a result was stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = measure(Path(folder).resolve())
    fresh = is_fresh(steps)
    if chosen.json:
        print(json.dumps({"fresh": fresh, "steps": {name: vars(step) for name, step in steps.items()}}))
    else:
        print(f"fills of v1_baseline over the sample while {BLOCK} is edited")
        for name, step in steps.items():
            print(f"{name:14}{step.digest[:16]}{step.seconds:8.2f} s")
        print("fresh: the edit changed the fills at once" if fresh else "STALE: a cached result came back")
    sys.exit(not fresh)


if __name__ == "__main__":
    main()
