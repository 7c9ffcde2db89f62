"""A batch carried out: what is not finished is computed, every receipt kept, the files that people read derived."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dbatch.batch.best_fills import best_runs
from dbatch.batch.books import Books
from dbatch.batch.memory import Meter
from dbatch.batch.options import BatchOptions
from dbatch.batch.plan import BatchPlan
from dbatch.batch.progress import BatchObserver, Progress, SilentBatch, block_size
from dbatch.engine.control import Control
from dbatch.engine.execute import Execution, execute
from dbatch.engine.packing import Packer, Task
from dbatch.errors import ClusterError, Interrupted, StorageError
from dbatch.model import Receipt, RunContext
from dbatch.results.adopt import adopt
from dbatch.results.consolidate import best_of, consolidate, is_consolidated
from dbatch.results.folder import cancel_requested, clear, locked
from dbatch.results.ledger import Ledger, PlannedJob, open_ledger
from dbatch.results.part import is_lean

_RETRIED: Final = frozenset({"failed", "timeout", "crashed", "oom"})
_LOOK_EVERY_SEC: Final = 1.0
_UNSTEADY: Final = "job {key} gave other fills when it was done twice: its strategy is not steady; the first ones stay"


@dataclass(frozen=True)
class BatchOutcome:
    """How a batch ended: counts of runs and jobs by status; `computed` jobs were done in this call.

    `interrupted` is the signal that stopped it, `fault` says why it could not go on (a full disk, a lost cluster,
    `--batch-timeout`, `dbatch cancel`): both can be resumed. `stopped` says why it ended before all runs were done
    by a rule of its own (`--fail-fast`). `best` is the best run by `--objective`, as
    `results.objective.best_run` has it.
    """

    output_dir: Path
    runs: Mapping[str, int]
    jobs: Mapping[str, int]
    computed: int
    interrupted: int | None = None
    fault: str | None = None
    stopped: str | None = None
    best: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """Return what a command that ends so returns."""
        if self.interrupted is not None:
            return 128 + self.interrupted
        if self.fault is not None:
            return 4
        return 0 if set(self.runs) <= {"success"} else 1


def carry_out(
    plan: BatchPlan,
    options: BatchOptions,
    observer: BatchObserver | None = None,
    control: Control | None = None,
    *,
    redo: Collection[str] = (),
) -> BatchOutcome:
    """Compute what is not finished of `plan`, keep it, and return how it ended.

    Finished jobs stay finished, failed ones too, but for those with a status of `redo`. `control` may ask for an end
    in good order from a signal handler. Raises OutputError when the folder holds something else, or stale results
    that `options` do not decide on, LockedError when another driver is at it.
    """
    with locked(plan.output_dir):
        if options.rerun:
            clear(plan.output_dir)
        with open_ledger(plan.output_dir) as ledger:
            driver = _Driver(plan, options, ledger, observer or SilentBatch(), control or Control(options.grace))
            return driver.run(redo)


class _Driver:
    """One call of `carry_out`: the only writer of the ledger."""

    def __init__(
        self, plan: BatchPlan, options: BatchOptions, ledger: Ledger, observer: BatchObserver, control: Control
    ) -> None:
        self._plan = plan
        self._options = options
        self._ledger = ledger
        self._observer = observer
        self._control = control
        self._books = Books(plan, options, ledger, observer.note)
        self._meter = Meter()
        self._tries: Counter[str] = Counter()
        self._computed = self._adopted = self._forgotten = 0
        self._began = self._looked = time.monotonic()
        self._stopped: str | None = None
        self._fault: str | None = None

    def run(self, redo: Collection[str]) -> BatchOutcome:
        for note in self._plan.notes:
            self._observer.note(note)
        planned = self._books.open(redo)
        self._forgotten = self._books.forget_damaged()
        self._tell(self._forgotten, "finished jobs are done again: their parts are gone or damaged")
        self._adopted = adopt(self._plan.output_dir, self._ledger)
        self._tell(self._adopted, "jobs were finished, but not yet in the ledger")
        progress, todo = self._todo(planned, redo)
        interrupted: int | None = None
        try:
            if todo:
                self._compute(progress, todo)
            if not self._was_complete():
                self._keep_best_fills()
        except Interrupted as signal:
            interrupted = signal.number
        except KeyboardInterrupt:
            interrupted = 2
        except (StorageError, ClusterError) as error:
            self._fault = str(error)
        finally:
            self._observer.ended()
        if not todo:
            self._observer.note(f"{self._plan.output_dir}: nothing was left to compute")
        return self._ended(interrupted or self._control.signal)

    def _todo(self, planned: Sequence[PlannedJob], redo: Collection[str]) -> tuple[Progress, list[Task]]:
        """Return where the batch stands, and the tasks that are left."""
        place_of = {number: place for place, number in enumerate(self._plan.runs.numbers)}
        users: dict[str, tuple[int, ...]] = {}
        for run, _, key, _ in planned:
            users[key] = (*users[key], place_of[run]) if key in users else (place_of[run],)
        names = self._plan.runs.ids
        progress = Progress(names, users, block_size(len(names), self._options.unit_jobs))
        statuses = self._ledger.statuses()
        done = {key: statuses[key] for key in users if key in statuses and statuses[key] not in redo}
        progress.before(done)
        failed = sum(status != "success" for status in done.values())
        self._tell(failed, "jobs failed before and stay so; 'dbatch retry' does them again")
        return progress, [task for task in self._plan.tasks if task.key in users and task.key not in done]

    def _compute(self, progress: Progress, todo: Sequence[Task]) -> None:
        packer = Packer(todo, self._options.unit_jobs)

        def begin(slots: int, dashboard: str | None) -> None:
            self._books.computing()
            execution = self._execution()
            if not execution.serial:
                self._observer.note(execution.told(slots, self._used(packer, self._plan.contexts)))
            self._observer.started(self._plan.batch.batch_name, progress, slots, dashboard)

        for receipts in self._executed(packer, self._plan.contexts, begin):
            if receipts:
                self._keep(receipts, packer, progress)
            self._observer.tick()
            self._look_around(progress)

    def _executed(
        self, packer: Packer, contexts: Iterable[RunContext], begin: Callable[[int, str | None], None]
    ) -> Iterator[list[Receipt]]:
        """Yield what `execute` does; meanwhile a signal ends the batch in good order."""
        chosen = self._used(packer, contexts)
        execution, control = self._execution(), self._control
        executed = execute(execution, chosen, packer, at_most=packer.left, on_start=begin, control=control)
        control.listening = True
        try:
            with contextlib.closing(executed):
                yield from executed
        finally:
            control.listening = False

    def _used(self, packer: Packer, contexts: Iterable[RunContext]) -> list[RunContext]:
        used = packer.contexts
        return [context for context in contexts if context.run_id in used]

    def _execution(self) -> Execution:
        execution = self._options.execution
        if execution.workers is None and self._plan.batch.max_workers is not None:
            execution = replace(execution, workers=self._plan.batch.max_workers)
        if self._options.isolate == "none":
            execution = replace(execution, cluster="threads")
        return execution

    def _keep(self, receipts: Sequence[Receipt], packer: Packer, progress: Progress) -> None:
        progress.rss_mb = self._meter.rss_mb()
        for key in self._ledger.commit(*receipts, at=time.time(), rss_mb=progress.rss_mb):
            self._observer.note(_UNSTEADY.format(key=key))
        self._computed += len(receipts)
        for receipt in receipts:
            if receipt.status in _RETRIED:
                self._tries[receipt.key] += 1
                if self._tries[receipt.key] <= self._options.retries:
                    packer.again(receipt.key)
                    continue
            if receipt.status != "success":
                self._observer.failed([progress.names[run] for run in progress.users[receipt.key]], receipt)
            for block in progress.take(receipt.key, receipt.status):
                self._observer.block(block)

    def _look_around(self, progress: Progress) -> None:
        """End the batch where a rule or somebody says so."""
        if self._control.draining:
            return
        options, now = self._options, time.monotonic()
        fail_fast = self._plan.batch.fail_fast if options.fail_fast is None else options.fail_fast
        if fail_fast and progress.failing:
            self._stopped = "--fail-fast: a run failed"
        elif options.max_failures is not None and options.max_failures.exceeded(progress.failing, progress.runs):
            self._stopped = f"--max-failures: {progress.failing:,} of {progress.runs:,} runs failed"
        elif options.batch_timeout is not None and now - self._began > options.batch_timeout:
            self._fault = f"--batch-timeout: {options.batch_timeout:g} s are over"
        elif now - self._looked > _LOOK_EVERY_SEC:
            self._looked = now
            if cancel_requested(self._plan.output_dir):
                self._fault = "cancelled by 'dbatch cancel'"
        if self._stopped or self._fault:
            self._control.drain()

    def _keep_best_fills(self) -> None:
        """Compute the jobs of the best runs once more, to keep their fills; they must be the same."""
        keep_all, most = self._options.kept_fills(len(self._plan.batch.runs))
        if keep_all or not most or self._control.draining:
            return
        best = best_runs(self._plan.output_dir, self._ledger, most, self._options.objective)
        runs = self._plan.runs
        chosen = {number for number, run_id in zip(runs.numbers, runs.ids, strict=True) if run_id in best}
        keys = {key for run, _, key, _ in runs.jobs() if run in chosen}
        lean = {key for key, part in self._ledger.query("select key, part from receipts") if is_lean(part)} & keys
        packer = Packer([task for task in self._plan.tasks if task.key in lean], self._options.unit_jobs)
        if not packer.left:
            return
        contexts = [replace(context, keep_fills=True) for context in self._plan.contexts]
        for arrived in self._executed(packer, contexts, lambda slots, dashboard: None):
            for key in self._ledger.improve(*arrived):
                self._observer.note(_UNSTEADY.format(key=key))

    def _ended(self, interrupted: int | None) -> BatchOutcome:
        folder = self._plan.output_dir
        reason = self._fault or self._stopped or (None if interrupted is None else f"signal {interrupted}")
        state = "interrupted" if interrupted is not None else "stopped" if reason else None
        runs, jobs = self._books.counts()
        best: Mapping[str, Any] | None = None
        try:
            was_complete = state is None and self._was_complete()
            if was_complete:
                self._books.leave_no_trace()
            else:
                self._books.close(computed=self._computed, reason=reason, state=state)
            if self._options.merge and not (was_complete and is_consolidated(folder, self._books.derived)):
                found = consolidate(folder, self._ledger)
                runs, jobs, best = dict(found.runs), dict(found.jobs), found.best
            elif self._options.objective is not None and was_complete:
                best = best_of(folder)
        except StorageError as error:
            self._fault = self._fault or str(error)
        except Interrupted as signal:  # the next call makes the files
            interrupted = signal.number
        return BatchOutcome(folder, runs, jobs, self._computed, interrupted, self._fault, self._stopped, best)

    def _was_complete(self) -> bool:
        """Return whether this call found the batch at its end, and changed nothing of it."""
        changed = self._computed or self._adopted or self._forgotten or self._books.is_new
        return self._books.was_ended and not changed

    def _tell(self, count: int, text: str) -> None:
        if count:
            self._observer.note(f"{count:,} {text}")
