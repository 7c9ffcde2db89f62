"""Four hundred backtests of a plain handler, unattended: all must succeed; what they took, and what was forecast."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from made_up import write_market
from sampling import sample

CONFIG: Final = Path(__file__).resolve().parents[2] / "configs" / "backtests_400.yaml"
SECURITIES: Final = 16
RUNS: Final = 25
_LOOK_EVERY_SEC: Final = 0.2
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True)
class Took:
    """Seconds, and MiB of memory (the most that the process tree held) and of disk (blocks in use)."""

    seconds: float
    memory_mb: float
    disk_mb: float


@dataclass(frozen=True)
class Found:
    """How many jobs there were and how many succeeded, what they took and what `--dry-run` had said."""

    jobs: int
    succeeded: int
    took: Took
    forecast: Took

    @property
    def holds(self) -> bool:
        return self.succeeded == self.jobs == RUNS * SECURITIES


def carried_out(folder: Path, rows: int, workers: int) -> Found:
    """Return how the batch went over made-up data of `rows` events a security; all of it lies in `folder`.

    Raises CalledProcessError when a command could not do its work.
    """
    write_market(folder / "data", SECURITIES, rows)
    command = [sys.executable, "-m", "dbatch", "batch", str(CONFIG), "--output-root", "output"]
    command += ["--workers", str(workers), "--no-dashboard"]
    planned = _json(subprocess.check_output([*command, "--dry-run", "--json"], cwd=folder))
    begin = time.perf_counter()
    with subprocess.Popen([*command, "--no-progress", "--json"], cwd=folder, stdout=subprocess.PIPE) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sample(process.pid).own)
            time.sleep(_LOOK_EVERY_SEC)
        seconds = time.perf_counter() - begin
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command)
    jobs = _json(output)["jobs"]
    return Found(
        sum(jobs.values()),
        jobs.get("success", 0),
        Took(seconds, peak, disk_mb(folder / "output")),
        Took(planned["seconds"], planned["memory_mb"], planned["disk_mb"]),
    )


def disk_mb(folder: Path) -> float:
    """Return the MiB that all in `folder` takes on the disk, in whole blocks."""
    return sum(path.lstat().st_blocks * 512 for path in [folder, *folder.rglob("*")]) / _MEBIBYTE


def _json(text: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(text)
    return facts


def table(found: Found, rows: int, workers: int) -> str:
    """Return what was found as text for people."""
    lines = [
        f"{RUNS} runs x {SECURITIES} securities of {rows:,} events, a plain handler, {workers} workers",
        f"{found.succeeded} of {found.jobs} jobs succeeded" + ("" if found.holds else ": FAILED, all must"),
        f"{'':8}{'took':>10}{'forecast':>10}{'ratio':>8}",
    ]
    for name, unit in (("seconds", "s"), ("memory_mb", "MB"), ("disk_mb", "MB")):
        took, forecast = getattr(found.took, name), getattr(found.forecast, name)
        lines.append(f"{name.partition('_')[0]:8}{took:7.1f} {unit:2}{forecast:7.1f} {unit:2}{forecast / took:8.2f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry the batch out and print; return 1 when a job did not succeed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=250_000, help="events of each security")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = carried_out(Path(folder), chosen.rows, chosen.workers)
    print(json.dumps(asdict(found)) if chosen.json else table(found, chosen.rows, chosen.workers))
    return int(not found.holds)


if __name__ == "__main__":
    sys.exit(main())
