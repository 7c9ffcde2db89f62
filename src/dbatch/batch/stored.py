"""A batch as its folder remembers it: what was asked and how, so that it can go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan, plan_batch
from dbatch.config.batch_fields import read_batch
from dbatch.config.batch_file import BatchFile
from dbatch.config.faults import Faults
from dbatch.errors import OutputError
from dbatch.results.ledger import LEDGER_NAME, reading_ledger


@dataclass(frozen=True)
class StoredBatch:
    """The batch of `folder`: what was asked, the options it was given, which of its runs were planned, and where.

    `working_folder` is where the command was called: strategies, configurations and data that nobody named were
    looked for there.
    """

    folder: Path
    batch: BatchFile
    options: Mapping[str, Any]
    runs: tuple[int, ...]
    working_folder: str

    def plan(self, options: BatchOptions) -> BatchPlan:
        """Return the plan of the same runs, as code and data are now; raises as `plan_batch` does."""
        with _working_in(self.working_folder):
            return plan_batch(self.batch, options, numbers=self.runs)

    def with_stored(self, options: BatchOptions) -> BatchOptions:
        """Return `options`, those that were not given as they were stored."""
        plain = BatchOptions()
        missing = {
            name: value for name, value in self.options.items() if getattr(options, name) == getattr(plain, name)
        }
        return replace(options, **{**missing, "runs": None})


def stored_batch(folder: str | Path) -> StoredBatch:
    """Return the batch in `folder`. Raises OutputError for a folder without one, ConfigError for one that changed.

    The folder may have been moved; the files that the batch names may not.
    """
    place = Path(folder).absolute()
    if not (place / LEDGER_NAME).is_file():
        raise OutputError(f"{folder}: holds no batch (no {LEDGER_NAME}); 'dbatch status' lists those below output/")
    with reading_ledger(place) as ledger:
        facts = ledger.facts()
        runs = tuple(number for number, _, _ in ledger.runs())
        is_empty = not facts and not ledger.statuses()
    held = facts.get("batch")
    if is_empty:
        raise OutputError(f"{folder}: holds no batch, its driver ended before it was planned; start again")
    if held is None:
        raise OutputError(f"{folder}: holds a single run, no batch; the same 'dbatch run' goes on with it")
    faults = Faults()
    path = held["path"]
    batch = read_batch(held["document"], Path(held["folder"]), faults, None if path is None else Path(path))
    faults.raise_all(str(folder))
    batch = replace(batch, batch_name=place.name, output_root=place.parent)
    return StoredBatch(place, batch, facts.get("options", {}), runs, held["working_folder"])


@contextmanager
def _working_in(folder: str) -> Iterator[None]:
    """Work in `folder` until the block ends, where it is still there."""
    if not Path(folder).is_dir():
        yield
        return
    with contextlib.chdir(folder):
        yield
