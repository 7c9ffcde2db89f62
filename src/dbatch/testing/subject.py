"""The strategy under test: its factory, however it was given, and one job of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbatch.data.blocks import EventBlock
from dbatch.engine.job import run_job
from dbatch.errors import UsageError
from dbatch.model import StrategyRef
from dbatch.plugins.discovery import resolve, search_paths
from dbatch.plugins.loading import Factory, declared_parameters, declared_parameters_of, make_handler
from dbatch.plugins.sources import strategy_name
from dbatch.strategies import CompiledStrategy
from dbatch.strategies.parameters import validate
from dbatch.testing.outcome import Outcome, outcome_of

Sections = Mapping[str, Mapping[str, Any]]
Watch = Callable[[Callable[..., Any]], Callable[..., Any]]
Job = Callable[[Iterable[EventBlock]], Outcome]


@dataclass(frozen=True)
class Subject:
    """A strategy's name, the name of its factory and the factory itself.

    `ref` is where an installed strategy, or one of a path, was found; None for a factory that was handed over.
    """

    name: str
    factory_name: str
    factory: Factory
    ref: StrategyRef | None = None

    def make(self, sections: Sections) -> object:
        """Return a fresh handler for a copy of `sections`; raises what the factory raises."""
        if self.ref is not None:
            return make_handler(self.ref, sections)
        return self.factory({security: dict(values) for security, values in sections.items()})

    def declared(self, handler: object) -> type | None:
        """Return the NamedTuple class of the strategy's parameters; None where it declares none."""
        if self.ref is not None:
            return declared_parameters(self.ref, handler)
        found = getattr(self.factory, "__globals__", {}).get("Parameters")
        is_declaration = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
        return declared_parameters_of(handler) or (found if is_declaration else None)

    def bind(self, handler: object, sections: Sections, security: str) -> Mapping[str, Any]:
        """Return the parameters of `security` as its job gets them; raises ConfigError for those that do not fit."""
        section = sections[security]
        declared = self.declared(handler)
        if declared is None:
            return section
        checked = validate(declared, {security: section}, f"parameters of {self.name}")[security]
        return (
            checked._asdict() if isinstance(handler, CompiledStrategy) else section
        )  # a plain one gets what was written

    def job(self, sections: Sections, security: str, watch: Watch | None = None) -> Job:
        """Return a job of a fresh handler, to be given its blocks once.

        `watch` may wrap a plain handler, to see what goes in and comes out; a compiled one is left as it is.
        """
        handler = self.make(sections)
        section = self.bind(handler, sections, security)
        if watch is not None and callable(handler) and not isinstance(handler, CompiledStrategy):
            handler = watch(handler)
        return lambda blocks: outcome_of(run_job(handler, security, section, blocks))


def subject_of(strategy: str | Factory, paths: Sequence[str] = ()) -> Subject:
    """Return the strategy that is called `strategy`, or whose factory it is.

    A name is looked for as `dbatch run` does: in `paths` (else in `DBATCH_STRATEGY_PATH`), then among installed
    ones. Raises StrategyError when it is not found, UsageError for what is neither a name nor a factory.
    """
    if isinstance(strategy, str):
        ref = resolve(strategy, search_paths(paths)).ref
        return Subject(ref.name, ref.factory, lambda sections: make_handler(ref, sections), ref)
    if not callable(strategy):
        raise UsageError(f"the strategy is {type(strategy).__name__}, must be its name or its create_..._handler")
    name = str(getattr(strategy, "__name__", type(strategy).__name__))
    return Subject(strategy_name(name) or name, name, strategy)
