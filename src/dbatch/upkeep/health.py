"""How a batch went, by the rules that people who watch batches know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dbatch.results.folder import MANIFEST_NAME, RUNS_NAME
from dbatch.results.ledger import Ledger
from dbatch.results.run_files import MOST_FOLDERS, run_folder_name
from dbatch.upkeep.finding import Finding, Level, few
from dbatch.upkeep.tally import Counts

MAX_FAILURE_RATE: Final = 0.2
_CRITICAL_FAILURE_RATE: Final = 0.5
_CRITICAL_MISSING: Final = 0.1


def latest_status(runs: Counts, again: str) -> Finding:
    """Return whether the runs that are done succeeded; `again` is the command that does the others again."""
    check = "batch_latest_status"
    if not runs.done:
        return Finding(check, "WARN", "no run is done")
    if not runs.unsuccessful:
        return Finding(check, "OK", f"{runs.done:,} runs done, all succeeded")
    level: Level = "CRITICAL" if runs.unsuccessful == runs.done else "WARN"
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(runs.statuses.items()) if status != "pending")
    return Finding(check, level, f"{runs.done:,} runs done: {counts}", again)


def failure_rate(runs: Counts, again: str, most: float = MAX_FAILURE_RATE) -> Finding:
    """Return whether more than the share `most` of the runs that are done did not succeed, whatever they are called.

    Half of them is critical, unless `most` allows for it.
    """
    check = "batch_failure_rate"
    rate = runs.unsuccessful / runs.done if runs.done else 0.0
    text = f"{rate:.1%} of runs did not succeed, at most {most:.0%} is well"
    if rate <= most:
        return Finding(check, "OK", text)
    return Finding(check, "CRITICAL" if rate >= _CRITICAL_FAILURE_RATE else "WARN", text, again)


def missing_manifests(folder: Path, ledger: Ledger, again: str) -> Finding:
    """Return whether every planned run has its folder, by its exact name, with a manifest."""
    check = "batch_missing_manifests"
    names = [run_folder_name(number, run_id) for number, run_id in ledger.query("select run, run_id from runs")]
    if len(names) > MOST_FOLDERS:
        return Finding(check, "OK", f"of more than {MOST_FOLDERS:,} runs not every one has a folder")
    if not names:
        return Finding(check, "WARN", "no run is planned")
    there = set(_with_manifest(folder / RUNS_NAME))
    missing = [name for name in names if name not in there]
    if not missing:
        return Finding(check, "OK", f"{len(names):,} runs have their {MANIFEST_NAME}")
    level: Level = "CRITICAL" if len(missing) > _CRITICAL_MISSING * len(names) else "WARN"
    found = f"{len(missing):,} of {len(names):,} runs have no {MANIFEST_NAME}: {few(missing)}"
    return Finding(check, level, found, again)


def _with_manifest(runs: Path) -> Iterator[str]:
    if runs.is_dir():
        with os.scandir(runs) as entries:
            yield from (entry.name for entry in entries if os.path.isfile(f"{entry.path}/{MANIFEST_NAME}"))
