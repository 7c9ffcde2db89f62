"""The holdout of a batch opened for runs that it chose: once, and written down before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dbatch.batch.best_fills import best_runs
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan
from dbatch.batch.stale import find_stale
from dbatch.batch.stored import StoredBatch, stored_batch
from dbatch.config.batch_fields import read_batch
from dbatch.config.faults import Faults
from dbatch.config.holdout import Holdout, holdout_at
from dbatch.config.nodes import Node
from dbatch.errors import UsageError
from dbatch.results.batch_names import HOLDOUT_NAME, OPENINGS
from dbatch.results.folder import locked
from dbatch.results.ledger import open_ledger, reading_ledger
from dbatch.results.openings import openings

_ENDED: Final = ("finished", "failed")


@dataclass(frozen=True)
class OpenedHoldout:
    """Runs of the batch `sealed`, by their ids, over its holdout `stored`; where that goes, from which day on."""

    sealed: StoredBatch
    stored: StoredBatch
    run_ids: tuple[str, ...]
    folder: Path
    start: str

    def plan(self, options: BatchOptions) -> BatchPlan:
        """Return the plan of the runs over the holdout.

        Raises UsageError where code, data or parameters are no longer those that the runs were chosen with, unless
        `options` accept it, and as `plan_batch` does.
        """
        before = replace(self.sealed, runs=self.stored.runs).plan(options)
        with reading_ledger(self.sealed.folder) as ledger:
            inputs = ledger.facts().get("inputs", ())
            now = [setup.facts() for setup in before.setups]
            stale = find_stale(ledger.planned(), ledger.statuses(), before.runs.jobs(), inputs, now)
        if stale and options.stale != "accept":
            raise UsageError(
                f"{self.sealed.folder}: {stale.text()}; what was chosen is not what would be tested, "
                "--accept-stale does it all the same"
            )
        return self.stored.plan(options)


def opened_holdout(folder: Path, run_ids: Sequence[str] = (), *, again: bool = False) -> OpenedHoldout:
    """Return the runs called `run_ids` of the batch in `folder`, by default its best one, over its holdout.

    Nothing is computed or written. Raises UsageError for a batch without a holdout, one that has not ended, runs that
    it does not have, and a holdout that was opened before for other runs unless `again`.
    """
    stored = stored_batch(folder)
    document = stored.batch.document
    sealed = holdout_at(Node(document.get("holdout"), ("holdout",), Faults()))
    if sealed is None or sealed.is_open:
        raise UsageError(f"{folder}: was carried out without a holdout; 'dbatch batch --holdout DATE:' seals one")
    numbers = _chosen(stored, run_ids)
    before = openings(stored.folder)
    known = {run_id for opening in before for run_id in opening["runs"]}
    if before and not set(numbers) <= known and not again:
        raise UsageError(
            f"{folder}: its holdout was opened {before[0]['at'][:10]} for {', '.join(sorted(known))}; what is chosen "
            "after a look is a new trial: --again opens it all the same, and is counted"
        )
    over = _over_holdout(stored, sealed, numbers)
    return OpenedHoldout(stored, over, tuple(numbers), stored.folder / HOLDOUT_NAME, sealed.start)


def record_opening(opened: OpenedHoldout) -> int:
    """Write down that the holdout is opened now for these runs, and return how often it was; the same runs once more
    are no new opening. Raises StorageError, LockedError."""
    opened.folder.mkdir(parents=True, exist_ok=True)
    before = openings(opened.folder.parent)
    if any(set(opened.run_ids) <= set(opening["runs"]) for opening in before):
        return len(before)
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "runs": list(opened.run_ids)}
    with locked(opened.folder), open_ledger(opened.folder) as ledger:
        ledger.remember(**{OPENINGS: [*before, entry]})
    return len(before) + 1


def _chosen(stored: StoredBatch, run_ids: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the runs called so, or of the best one, by id."""
    with reading_ledger(stored.folder) as ledger:
        if ledger.facts().get("state") not in _ENDED:
            raise UsageError(f"{stored.folder}: has not ended, its best run is not known; 'dbatch resume' goes on")
        numbers = {run_id: number for number, run_id, _ in ledger.runs()}
        wanted = list(run_ids) or sorted(best_runs(stored.folder, ledger, 1, stored.options.get("objective")))
    if not wanted:
        raise UsageError(f"{stored.folder}: no run has a value to choose by; --run names one")
    unknown = [run_id for run_id in wanted if run_id not in numbers]
    if unknown:
        raise UsageError(f"{stored.folder}: has no run {unknown[0]!r}; 'dbatch show {stored.folder}' lists them")
    return {run_id: numbers[run_id] for run_id in wanted}


def _over_holdout(stored: StoredBatch, sealed: Holdout, numbers: dict[str, int]) -> StoredBatch:
    faults = Faults()
    opened: dict[str, Any] = {**stored.batch.document, "holdout": {"from": sealed.start, "opened": True}}
    batch = read_batch(opened, Path(stored.batch.runs.folder), faults, stored.batch.path)
    faults.raise_all(str(stored.folder))
    batch = replace(batch, batch_name=HOLDOUT_NAME, output_root=stored.folder)
    return replace(stored, batch=batch, runs=tuple(sorted(numbers.values())), options={})
