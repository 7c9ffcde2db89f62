"""What `dbatch health` says to whoever watches batches: the latest one below a folder, check by check."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from dbatch.errors import DbatchError
from dbatch.results.batch_names import BATCH_MANIFEST_NAME
from dbatch.results.folder import holder
from dbatch.results.publish import write_atomically
from dbatch.upkeep import health
from dbatch.upkeep.finding import Finding
from dbatch.upkeep.subject import reading, subjects_below
from dbatch.upkeep.tally import Counts, count_all

Status = Literal["OK", "WARN", "CRITICAL", "SKIP", "UNKNOWN"]

JSON_NAME: Final = "health_summary.json"
MARKDOWN_NAME: Final = "health_summary.md"
_RANK: Final[dict[Status, int]] = {"SKIP": 0, "OK": 1, "WARN": 2, "UNKNOWN": 3, "CRITICAL": 4}
_EXIT: Final[dict[Status, int]] = {"OK": 0, "SKIP": 0, "WARN": 1, "CRITICAL": 2, "UNKNOWN": 3}
_HOUR: Final = 3600.0


@dataclass(frozen=True)
class Record:
    """One check: its result, what was found, what is well, and when what it looked at last changed (ISO 8601, UTC)."""

    name: str
    status: Status
    value: str
    expected: str
    details: str = ""
    last_updated_at: str | None = None


@dataclass(frozen=True)
class Health:
    """The records of all checks; `latest` is the batch that they are of, None where there is none."""

    root: Path
    latest: Path | None
    records: tuple[Record, ...]

    @property
    def status(self) -> Status:
        """Return the worst: SKIP only where all are, OK of none."""
        return max((record.status for record in self.records), key=_RANK.__getitem__, default="OK")

    @property
    def exit_code(self) -> int:
        """Return what monitoring expects: 0 OK, 1 WARN, 2 CRITICAL, 3 not to be judged."""
        return _EXIT[self.status]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        latest = None if self.latest is None else str(self.latest)
        about = {"schema": "dbatch.health/1", "status": self.status, "batch_root": str(self.root), "latest": latest}
        return {**about, "checks": [vars(record) for record in self.records]}


def check_health(
    root: Path, *, most: float = health.MAX_FAILURE_RATE, skip_if_missing: bool = False, max_age: float | None = None
) -> Health:
    """Return how the latest batch below `root` went; nothing is written.

    `most` is the share of runs that may fail, `max_age` how many seconds old its latest result may be (None: any
    age). What cannot be read is UNKNOWN, whatever else was found out.
    """
    if not root.is_dir():
        found: Status = "SKIP" if skip_if_missing else "WARN"
        return Health(root, None, (Record("batch_root_exists", found, "missing", "a folder with batches", str(root)),))
    there = Record("batch_root_exists", "OK", "there", "a folder with batches", str(root))
    batches = [folder for folder in subjects_below(root) if (folder / BATCH_MANIFEST_NAME).is_file()]
    if not batches:
        none = Record("batch_directories_found", "WARN", "0", f"at least one with a {BATCH_MANIFEST_NAME}")
        return Health(root, None, (there, none))
    changed = {folder: _changed(folder) for folder in batches}
    latest = max(batches, key=lambda folder: (changed[folder], folder.name))
    counted = Record(
        "batch_directories_found",
        "OK",
        f"{len(batches):,}",
        "at least one",
        f"the latest is {latest.name}",
        _iso(changed[latest]),
    )
    age = datetime.now(UTC).timestamp() - changed[latest]
    records = (there, counted, _age(age, max_age, changed[latest]), *_of_latest(latest, most, changed[latest]))
    return Health(root, latest, records)


def write_health(found: Health, folder: Path) -> None:
    """Write `found` into `folder` as JSON and as Markdown. Raises StorageError."""
    write_atomically(folder / JSON_NAME, (json.dumps(found.as_json(), indent=2) + "\n").encode())
    write_atomically(folder / MARKDOWN_NAME, _markdown(found).encode("utf-8", "backslashreplace"))


def _of_latest(folder: Path, most: float, changed: float) -> Iterable[Record]:
    expected = {
        "batch_latest_status": "all runs succeeded",
        "batch_failure_rate": f"at most {most:.0%}",
        "batch_missing_manifests": "none missing",
    }
    try:
        with reading(folder) as (_, ledger):
            runs, _ = count_all(ledger)
            findings = [
                health.latest_status(runs, ""),
                health.failure_rate(runs, "", most),
                health.missing_manifests(folder, ledger, ""),
            ]
    except DbatchError as error:
        said = str(error)
        return [Record(name, "UNKNOWN", "not readable", well, said, _iso(changed)) for name, well in expected.items()]
    told = [_record(finding, expected[finding.check], changed) for finding in findings]
    return [*told, _progress(folder, runs, changed)]


def _record(finding: Finding, expected: str, changed: float) -> Record:
    return Record(finding.check, finding.level, finding.found, expected, finding.repair, _iso(changed))


def _progress(folder: Path, runs: Counts, changed: float) -> Record:
    """Return whether all runs are done, or somebody is at them."""
    driver = holder(folder)
    value = f"{runs.done:,} of {runs.total:,} runs done"
    if not runs.pending:
        return Record("batch_finished", "OK", value, "all done, or a driver at work", "", _iso(changed))
    at_work = driver is not None and driver.alive is not False
    details = f"{driver} is at it" if at_work else f"nobody is at it; go on with 'dbatch resume {folder}'"
    return Record(
        "batch_finished", "OK" if at_work else "WARN", value, "all done, or a driver at work", details, _iso(changed)
    )


def _age(age: float, most: float | None, changed: float) -> Record:
    hours = f"{age / _HOUR:,.1f} h"
    if most is None:
        return Record("batch_age", "OK", hours, "any", "--max-age sets a limit", _iso(changed))
    status: Status = "OK" if age <= most else "WARN"
    return Record("batch_age", status, hours, f"at most {most / _HOUR:,.1f} h", "", _iso(changed))


def _changed(folder: Path) -> float:
    return (folder / BATCH_MANIFEST_NAME).stat().st_mtime


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _markdown(found: Health) -> str:
    rows = [
        "| check | status | value | expected | details | last updated |",
        "|---|---|---|---|---|---|",
        *(_row((r.name, r.status, r.value, r.expected, r.details, r.last_updated_at or "")) for r in found.records),
    ]
    latest = "none" if found.latest is None else found.latest.name
    return "\n".join([f"# Health of batches: {found.status}", "", f"Latest batch: {_plain(latest)}", "", *rows, ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Return `text` in one line, without what Markdown or HTML take for markup."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    for character in "\\`*[]|":
        line = line.replace(character, f"\\{character}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
