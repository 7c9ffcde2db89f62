"""From a batch file to jobs: every run bound to its strategy and data, its parameters checked, its jobs keyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dbatch.batch.fees import without_fees
from dbatch.batch.options import BatchOptions
from dbatch.batch.setups import Setup, Setups
from dbatch.config.batch_file import BatchFile
from dbatch.config.runs import RunSpec
from dbatch.config.sections import ParameterSections, expand
from dbatch.engine.packing import Task
from dbatch.engine.plan import job_key
from dbatch.errors import ConfigError, UsageError
from dbatch.model import FeeRules, Job, Limits, RunContext
from dbatch.results.ledger import Planned
from dbatch.strategies.parameters import checked, depends_on_security

_MOST_FAULTS: Final = 50


@dataclass(frozen=True)
class PlannedRun:
    """One run: what was asked, and the key of its job over each security, in the order of the securities."""

    number: int
    run_id: str
    spec: Mapping[str, Any]
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BatchPlan:
    """A batch about to start: its runs in order, its distinct jobs as tasks, and the contexts that they run under."""

    batch: BatchFile
    output_dir: Path
    runs: tuple[PlannedRun, ...]
    tasks: tuple[Task, ...]
    contexts: tuple[RunContext, ...]
    setups: tuple[Setup, ...]
    notes: tuple[str, ...]

    def planned(self) -> Iterator[Planned]:
        """Yield the jobs of all runs, in the order of runs and securities."""
        for run in self.runs:
            for security, key in run.keys:
                yield Planned(run.number, security, key)


def plan_batch(
    batch: BatchFile, options: BatchOptions, numbers: Sequence[int] | None = None, *, setups: Setups | None = None
) -> BatchPlan:
    """Return the plan of `batch`, of the runs with `numbers` only where these are given.

    `setups` are those that a check of the batch file began with. Data is hashed, no event is looked at, and no result
    is touched.

    Raises UsageError (and its kinds) for strategies, data or options that cannot be used, and one ConfigError with
    the faults of all parameters.
    """
    setups = Setups() if setups is None else setups
    planner = _Planner(batch, options, setups)
    chosen = _chosen(batch, options) if numbers is None else map(batch.runs.__getitem__, numbers)
    runs = tuple(planner.run(run) for run in chosen)
    planner.raise_faults()
    return BatchPlan(
        batch,
        batch.output_root / batch.batch_name,
        runs,
        tuple(planner.tasks.values()),
        tuple(planner.contexts.values()),
        tuple(setups),
        tuple(setups.notes),
    )


def _chosen(batch: BatchFile, options: BatchOptions) -> Sequence[RunSpec]:
    if options.runs is None:
        return batch.runs
    first, last = options.runs
    if first >= len(batch.runs):
        raise UsageError(f"--range {first}:{last or ''}: the batch has {len(batch.runs):,} runs, numbered from 0")
    return batch.runs[first:last]


class _Planner:
    """Turns runs into jobs one by one, and keeps what they have in common."""

    def __init__(self, batch: BatchFile, options: BatchOptions, setups: Setups) -> None:
        self._batch = batch
        self._options = options
        self._setups = setups
        self._keep_fills, _ = options.kept_fills(len(batch.runs))
        self._identities: dict[tuple[int, str], tuple[Mapping[str, str], Mapping[str, str]]] = {}
        self._faults: dict[str, list[str]] = {}
        self.tasks: dict[str, Task] = {}
        self.contexts: dict[tuple[int, Limits], RunContext] = {}

    def run(self, run: RunSpec) -> PlannedRun:
        setup = self._setups.of(run)
        context = self._context(setup, run)
        keys = []
        before: tuple[tuple[str, Mapping[str, Any]], Mapping[str, Any]] | None = None
        fees, parameters = self._charged(setup, run)
        sections = self._sections(setup, run, parameters)
        names, identities = self._common(setup, sections)
        for security in setup.market.securities:
            name = names[security.name]
            asked = name if depends_on_security(setup.declared) else "", sections.mapping[name]
            if before is None or before[0] != asked:  # most batches set the same for all securities
                before = asked, self._bound(setup, run, *asked)
            section = before[1]
            key = job_key(identities[security.name], section, fees)
            keys.append((security.name, key))
            if key not in self.tasks:
                job = Job(key, security, setup.content[security.name], names[security.name], section, fees)
                self.tasks[key] = Task(context.run_id, run.index, job, run.priority + self._options.priority)
        return PlannedRun(run.index, run.id, _spec(run, self._options, fees), tuple(keys))

    def raise_faults(self) -> None:
        if not self._faults:
            return
        told = []
        for fault, runs in list(self._faults.items())[:_MOST_FAULTS]:
            more = f" and {len(runs) - 1:,} more" if len(runs) > 1 else ""
            told.append(f"{fault} (run {runs[0]}{more})")
        if len(self._faults) > _MOST_FAULTS:
            told.append(f"and {len(self._faults) - _MOST_FAULTS:,} more faults")
        raise ConfigError(str(self._batch.path or "sweep"), told)

    def _context(self, setup: Setup, run: RunSpec) -> RunContext:
        options = self._options
        limits = Limits(
            options.timeout if options.timeout is not None else run.timeout,
            options.memory_limit if options.memory_limit is not None else self._batch.memory_limit,
        )
        found = self.contexts.get((setup.number, limits))
        if found is None:
            found = RunContext(
                run_id=str(len(self.contexts)),
                strategy=setup.ref,
                compiled=setup.compiled,
                sections={},
                window=setup.window,
                chunk_rows=setup.chunk_rows,
                output_dir=str(self._batch.output_root / self._batch.batch_name),
                limits=limits,
                isolated=is_isolated(options, setup.compiled, limits),
                sweep=True,
                keep_fills=self._keep_fills,
                seed=self._batch.seed,
            )
            self.contexts[setup.number, limits] = found
        return found

    def _charged(self, setup: Setup, run: RunSpec) -> tuple[FeeRules | None, Mapping[str, Any]]:
        """Return the fees of `run`, and the parameters that go to its strategy."""
        if setup.takes_costs:
            return None, run.parameters
        try:
            return without_fees(run.parameters)
        except UsageError as error:
            self._fault(run, str(error))
            return None, run.parameters

    def _sections(self, setup: Setup, run: RunSpec, parameters: Mapping[str, Any]) -> ParameterSections:
        names = [security.name for security in setup.market.securities]
        try:
            return expand(setup.written, parameters, names, f"run {run.id}")
        except ConfigError as error:
            for fault in error.faults:
                self._fault(run, fault)
            return expand(setup.written, {}, names)

    def _common(self, setup: Setup, sections: ParameterSections) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return the spelling of each security in the configuration, and what its jobs' keys begin with."""
        spelt = " ".join(sections.mapping)
        found = self._identities.get((setup.number, spelt))
        if found is None:
            names = {one.name: sections.name_in_config(one.name) for one in setup.market.securities}
            found = names, setup.identities(names, self._batch.seed)
            self._identities[setup.number, spelt] = found
        return found

    def _bound(self, setup: Setup, run: RunSpec, name: str, written: Mapping[str, Any]) -> Mapping[str, Any]:
        if setup.declared is None:
            return written
        instance, faults = checked(setup.declared, written, name)
        for name, problem in faults:
            self._fault(run, f"{self._place(run, name, setup)}: {problem}")
        if faults or not setup.compiled:
            return written
        if setup.prepare is None:
            return dict(instance._asdict())
        try:
            return dict(setup.prepare(instance)._asdict())
        except ConfigError as error:
            for fault in error.faults:
                self._fault(run, f"{error.source}: {fault}")
            return written

    def _place(self, run: RunSpec, name: str, setup: Setup) -> str:
        """Return where the parameter `name` of `run` was set: in the batch file, or in the configuration."""
        if not any(key.rpartition(".")[2] == name for key in run.parameters):
            return f"{setup.config}: {name}" if setup.config else f"base_args.{name}"
        return f"{'base_args' if name in self._batch.base_args else run.origin}.{name}"

    def _fault(self, run: RunSpec, text: str) -> None:
        self._faults.setdefault(text, []).append(run.id)


def is_isolated(options: BatchOptions, compiled: bool, limits: Limits) -> bool:
    """Return whether jobs run in processes of their own. Raises UsageError for limits that nothing could enforce."""
    if options.isolate == "auto":
        return bool(limits) or not compiled
    if options.isolate == "process":
        return True
    if limits:
        raise UsageError(
            f"--isolate {options.isolate}: a time or memory limit needs jobs in processes of their own; "
            "leave out the limits, or take --isolate process"
        )
    return False


def _spec(run: RunSpec, options: BatchOptions, fees: FeeRules | None) -> dict[str, Any]:
    """Return what was asked of `run`, as the ledger keeps it."""
    charged = {} if fees is None else {"fees": vars(fees)}
    return {
        "strategy": run.arguments["strategy"],
        "params_hash": run.params_hash,
        "arguments": run.arguments,
        "parameters": run.parameters,
        "tags": [*run.tags, *options.tags],
        "priority": run.priority + options.priority,
        "timeout": run.timeout,
        "origin": run.origin,
        **charged,
    }


def with_name(batch: BatchFile, name: str | None, output_root: Path | None) -> BatchFile:
    """Return `batch` under another name or below another folder, where these are given."""
    return replace(
        batch,
        batch_name=name or batch.batch_name,
        output_root=batch.output_root if output_root is None else output_root.absolute(),
    )
