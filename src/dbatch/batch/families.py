"""Runs of a grid that differ in the values of some parameters alone: what they share is worked out once.

Their ids, hashes and keys are those that each run would get by itself; a test compares the two ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from dbatch.batch.setups import Setup
from dbatch.config.grid import Axis
from dbatch.config.run_hash import canonical, hashed_of, hashes16
from dbatch.config.runs import Alike, Positions, Runs, RunSpec
from dbatch.config.templates import Hole, Template
from dbatch.engine.packing import Task
from dbatch.engine.plan import job_keys, section_text
from dbatch.model import FeeRules, Job, Security
from dbatch.quick_json import quick_text
from dbatch.strategies.parameters import accepted_each, checked, looks_at_values_alone


@dataclass(frozen=True)
class Sections:
    """The parameters of one security in all runs of a family: `base` has a hole for each value that differs.

    `tables` has, for each hole, what its strategy gets for the values of the axis; `template` makes keys of them.
    """

    base: Mapping[str, Any]
    tables: Mapping[int, Sequence[Any]]
    template: Template

    @cached_property
    def are_shared(self) -> bool:
        """Return whether a job could change what another one gets, were their values not copied."""
        values = [*self.base.values(), *chain.from_iterable(self.tables.values())]
        return not all(value is None or isinstance(value, int | float | str) for value in values)

    def each(self, columns: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
        """Return the parameters of runs whose positions on the axes of the family are the rows of `columns`."""
        sections = [dict(self.base) for _ in columns[0]]
        for name, value in self.base.items():
            if isinstance(value, Hole):
                table = self.tables[value.number]
                for section, position in zip(sections, columns[value.number], strict=True):
                    section[name] = table[position]
        return [deepcopy(section) for section in sections] if self.are_shared else sections


@dataclass(frozen=True, eq=False)
class FamilyJobs:
    """The source of the jobs of a family over one security, whose parameters are made when a job is to run."""

    run_id: str
    priority: int
    security: Security
    fingerprint: str
    config_name: str
    common: str
    sections: Sections
    positions: Positions
    fees: FeeRules | None = None

    def jobs(self, tasks: Sequence[Task]) -> list[Job]:
        sections = self.sections.each(self.positions.columns([task.place for task in tasks]))
        return [
            Job(task.key, self.security, self.fingerprint, self.config_name, section, self.fees)
            for task, section in zip(tasks, sections, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Family:
    """What the runs of a family share: where their jobs come from, security by security, and their texts.

    `hashed` is what `params_hash` is a hash of, `spec` what was asked of a run, with a hole more for that hash.
    """

    strategy: str
    securities: tuple[str, ...]
    sources: tuple[FamilyJobs, ...]
    hashed: Template
    spec: Template

    def keys(self, columns: Sequence[Sequence[int]]) -> list[list[str]]:
        """Return the keys of the jobs of some runs, a column a security."""
        texts = {id(source.sections): source.sections for source in self.sources}
        made = {name: list(sections.template.joined(columns)) for name, sections in texts.items()}
        return [job_keys(source.common, made[id(source.sections)], source.fees) for source in self.sources]

    def specs(self, positions: Positions, numbers: Sequence[int]) -> Iterator[str]:
        """Yield what was asked of each of the runs with `numbers`, as JSON."""
        columns = positions.columns(numbers)
        return self.spec.joined([*columns, [f'"{found}"' for found in hashes16(self.hashed.joined(columns))]])


def family_sections(setup: Setup, written: Sequence[Mapping[str, Any]], axes: Sequence[Axis]) -> list[Sections] | None:
    """Return the parameters of each security from what is `written` for it in the configuration, with holes.

    None where runs must be looked at one by one: where a value has a fault, where values may depend on each other,
    and where a security has a value of its own for what differs.
    """
    found: list[Sections] = []
    for place, section in enumerate(written):
        if place and written[place - 1] == section:  # most batches set the same for all securities
            found.append(found[-1])
            continue
        one = _sections(setup, section, axes)
        if one is None:
            return None
        found.append(one)
    return found


def _sections(setup: Setup, written: Mapping[str, Any], axes: Sequence[Axis]) -> Sections | None:
    names = {value.number: name for name, value in written.items() if isinstance(value, Hole)}
    if len(names) < len(axes):
        return None
    tables: dict[int, Sequence[Any]] = {hole: axis.values for hole, axis in enumerate(axes)}
    base = dict(written)
    if setup.declared is not None:
        if setup.prepare is not None or not looks_at_values_alone(setup.declared):
            return None
        accepted = {hole: accepted_each(setup.declared, name, tables[hole]) for hole, name in names.items()}
        first = {name: tables[hole][0] for hole, name in names.items()}
        instance, faults = checked(setup.declared, {**written, **first}, "")
        if faults or None in accepted.values():
            return None
        if setup.compiled:
            tables = {hole: values for hole, values in accepted.items() if values is not None}
            base = {**instance._asdict(), **{name: Hole(hole) for hole, name in names.items()}}
    try:
        return Sections(base, tables, Template(section_text, base, tables))
    except (TypeError, ValueError):
        return None


def family_texts(runs: Alike, run: RunSpec, spec: Mapping[str, Any], batch: Runs) -> tuple[Template, Template] | None:
    """Return the texts of a family, `hashed` and `spec`, from a run and what was asked of it, both with holes.

    None where what was asked is nothing for `quick_text`.
    """
    tables = {hole: axis.values for hole, axis in enumerate(runs.axes)}
    hashed = hashed_of(run.arguments, run.parameters, batch.seed, batch.folder)
    try:
        return Template(canonical, hashed, tables), Template(quick_text, spec, tables, [len(tables)])
    except (TypeError, ValueError):
        return None
