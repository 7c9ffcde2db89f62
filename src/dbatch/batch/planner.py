"""From runs to jobs: every run bound to its strategy and data, its parameters checked, its jobs keyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from typing import Any, Final

from dbatch.batch.families import Family, FamilyJobs, family_sections, family_texts
from dbatch.batch.fees import FEE_NAMES, without_fees
from dbatch.batch.options import BatchOptions
from dbatch.batch.planned_runs import RunBlock
from dbatch.batch.setups import Setup, Setups
from dbatch.config.batch_file import BatchFile
from dbatch.config.runs import Alike, RunSpec
from dbatch.config.sections import ParameterSections, expand
from dbatch.config.templates import Hole
from dbatch.engine.packing import GivenJob, Task
from dbatch.engine.plan import job_key
from dbatch.errors import ConfigError, UsageError
from dbatch.model import FeeRules, Job, Limits, RunContext
from dbatch.quick_json import to_text
from dbatch.strategies.parameters import checked, depends_on_security

_MOST_FAULTS: Final = 50


class Planner:
    """Turns runs into jobs, those of a grid together, and keeps what they have in common."""

    def __init__(self, batch: BatchFile, options: BatchOptions, setups: Setups) -> None:
        self._batch = batch
        self._options = options
        self._setups = setups
        self._keep_fills, _ = options.kept_fills(len(batch.runs))
        self._identities: dict[tuple[int, str], tuple[Mapping[str, str], Mapping[str, str]]] = {}
        self._faults: dict[str, list[str]] = {}
        self._families: dict[tuple[int, ...], Family | None] = {}
        self._securities: dict[int, tuple[str, ...]] = {}
        self.tasks: dict[str, Task] = {}
        self.contexts: dict[tuple[int, Limits], RunContext] = {}

    def planned(self, numbers: Sequence[int]) -> Iterator[RunBlock]:
        """Yield the runs with `numbers` in that order, their jobs put among `tasks`. Raises as `Setups.of` does."""
        for runs in self._batch.runs.together(numbers):
            if isinstance(runs, RunSpec):
                yield self._alone(runs)
                continue
            if runs.family not in self._families:
                self._families[runs.family] = self._family(runs)
            family = self._families[runs.family]
            if family is None:
                yield from map(self._alone, map(self._batch.runs.__getitem__, runs.numbers))
            else:
                yield self._together(runs, family)

    def _together(self, runs: Alike, family: Family) -> RunBlock:
        columns = family.keys(runs.columns)
        of_source = [
            map(Task, runs.numbers, keys, repeat(source)) for keys, source in zip(columns, family.sources, strict=True)
        ]
        for task in chain.from_iterable(zip(*of_source, strict=True)):
            self.tasks.setdefault(task.key, task)
        specs = partial(family.specs, runs.positions, runs.numbers)
        return RunBlock(runs.numbers, runs.ids, family.strategy, family.securities, columns, specs)

    def _alone(self, run: RunSpec) -> RunBlock:
        setup = self._setups.of(run)
        context = self._context(setup, run)
        keys: list[str] = []
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
            keys.append(key)
            if key not in self.tasks:
                job = Job(key, security, setup.content[security.name], names[security.name], section, fees)
                source = GivenJob(context.run_id, job, run.priority + self._options.priority)
                self.tasks[key] = Task(run.index, key, source)
        specs = partial(_spec_texts, run, self._options, fees)
        return RunBlock(
            (run.index,), (run.id,), setup.ref.name, self._names(setup), list(zip(keys, strict=True)), specs
        )

    def _family(self, runs: Alike) -> Family | None:
        """Return what `runs` share; None where they must be looked at one by one."""
        run = runs.first
        setup = self._setups.of(run)
        if not setup.takes_costs and any(axis.key in FEE_NAMES for axis in runs.axes):
            return None
        try:
            fees, _ = (None, {}) if setup.takes_costs else without_fees(run.parameters)
        except UsageError:
            return None
        context = self._context(setup, run)
        holes = {axis.key: Hole(number) for number, axis in enumerate(runs.axes)}
        with_holes = replace(run, parameters={**run.parameters, **holes}, params_hash=Hole(len(holes)))
        names = [security.name for security in setup.market.securities]
        try:
            own = with_holes.parameters if setup.takes_costs else without_fees(with_holes.parameters)[1]
            sections = expand(setup.written, own, names)
        except ConfigError:
            return None
        spelt, identities = self._common(setup, sections)
        found = family_sections(setup, [sections.mapping[spelt[name]] for name in names], runs.axes)
        texts = family_texts(runs, with_holes, _spec(with_holes, self._options, fees), self._batch.runs)
        if found is None or texts is None:
            return None
        sources = tuple(
            FamilyJobs(
                run_id=context.run_id,
                priority=run.priority + self._options.priority,
                security=security,
                fingerprint=setup.content[security.name],
                config_name=spelt[security.name],
                common=identities[security.name],
                sections=one,
                positions=runs.positions,
                fees=fees,
            )
            for security, one in zip(setup.market.securities, found, strict=True)
        )
        return Family(setup.ref.name, self._names(setup), sources, *texts)

    def _names(self, setup: Setup) -> tuple[str, ...]:
        if setup.number not in self._securities:
            self._securities[setup.number] = tuple(security.name for security in setup.market.securities)
        return self._securities[setup.number]

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


def _spec_texts(run: RunSpec, options: BatchOptions, fees: FeeRules | None) -> Iterator[str]:
    yield to_text(_spec(run, options, fees))
