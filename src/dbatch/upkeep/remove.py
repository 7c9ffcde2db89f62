"""A batch or run removed: what dbatch wrote, and nothing else."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dbatch.errors import StorageError
from dbatch.results.batch_names import REPORT_NAME
from dbatch.results.folder import CANCEL_NAME, HOLDER_NAME, LOCK_NAME, RUNS_NAME, clear, locked
from dbatch.results.run_folders import write_run_folders
from dbatch.upkeep.subject import reading, require

EXPORTS_NAME = "exports"
HEALTH_NAMES = ("health_summary.json", "health_summary.md")


@dataclass(frozen=True)
class Removal:
    """What goes, or would go: the batch, its runs, the bytes of its folder; `left` stays, for dbatch did not write it.

    `left` is known only after it was done.
    """

    folder: Path
    name: str
    runs: int
    size: int
    left: tuple[str, ...] = ()


def removal(folder: Path) -> Removal:
    """Return what `remove` would take away; nothing is touched. Raises OutputError for a folder without a batch."""
    with reading(folder) as (subject, ledger):
        ((runs,),) = ledger.query("select count(*) from runs")
    return Removal(folder, subject.name, runs, _size(folder))


def remove(folder: Path) -> Removal:
    """Remove the results in `folder`, and the folder where nothing else is in it; return what that was.

    Links are never followed. Raises OutputError for a folder without a batch, LockedError while a driver is at it,
    StorageError where a file cannot be removed.
    """
    require(folder)
    with locked(folder):
        what = removal(folder)
        try:
            if (folder / RUNS_NAME).is_dir():
                write_run_folders(folder, [])
            clear(folder, run_folders=False)
            for name in (*HEALTH_NAMES, CANCEL_NAME):
                (folder / name).unlink(missing_ok=True)
            for page in (folder / REPORT_NAME, *folder.glob("report-[0-9]*.html")):
                page.unlink(missing_ok=True)
            exports = folder / EXPORTS_NAME
            if exports.is_dir() and not exports.is_symlink():
                shutil.rmtree(exports)
        except OSError as error:
            raise StorageError(
                f"{error.filename or folder}: could not be removed ({error.strerror or error})"
            ) from error
    for name in (LOCK_NAME, HOLDER_NAME):
        (folder / name).unlink(missing_ok=True)
    for place in (folder / RUNS_NAME, folder):
        with suppress(OSError):  # something that is not ours is in it
            place.rmdir()
    left = sorted(os.listdir(folder)) if folder.is_dir() else []
    return Removal(folder, what.name, what.runs, what.size, tuple(left))


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder; links are not followed."""
    found = (os.path.join(top, name) for top, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(path).st_size for path in found if os.path.lexists(path))
