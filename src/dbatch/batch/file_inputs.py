"""What a batch file names, found once each: strategies, markets, configurations; what is not there is a finding."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final

from dbatch.batch.defaults import default_config
from dbatch.batch.fees import takes_costs
from dbatch.batch.setups import Setups
from dbatch.config.asked import Part, Placed
from dbatch.config.faults import Faults, Place
from dbatch.config.files import load_mapping
from dbatch.config.sections import expand
from dbatch.data.bar_times import check_zone
from dbatch.data.resample import interval_name
from dbatch.data.securities import HOW_READ
from dbatch.errors import ConfigError, DbatchError, StrategyError
from dbatch.plugins.listing import list_path
from dbatch.plugins.loading import declared_needs, declared_parameters, load_factory, make_handler

_DATA: Final = ("data", "securities", "max_sheets", *HOW_READ)
_MOST_NAMED: Final = 3


@dataclass(frozen=True)
class FoundStrategy:
    """A strategy that a batch names: `declared` is the class of its parameters, None where it declares none; one that
    `takes_costs` itself has no fees."""

    name: str
    paths: tuple[str, ...]
    declared: type | None
    takes_costs: bool = False


@dataclass
class _Finding:
    problem: str
    strategies: list[str] = field(default_factory=list)


class Findings:
    """What is wrong at each place: one finding a topic, with the strategies that make it one."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Place], _Finding] = {}

    def add(self, topic: str, place: Place, problem: str, strategy: str | None = None) -> None:
        """Keep a finding, or one more strategy that has it too."""
        finding = self._found.setdefault((topic, place), _Finding(problem))
        if strategy is not None and strategy not in finding.strategies:
            finding.strategies.append(strategy)

    def tell(self, faults: Faults, strategies: Collection[str]) -> None:
        """Add all findings to `faults`; those of some of the batch's `strategies` only with their names."""
        for (_, place), finding in self._found.items():
            of_some = 0 < len(finding.strategies) < len(strategies)
            faults.add(place, finding.problem + (_whose(finding.strategies) if of_some else ""))


class FileInputs:
    """Looks up what parts of a batch file name; whatever is opened stays in `setups`."""

    def __init__(self, setups: Setups, findings: Findings) -> None:
        self._setups = setups
        self._findings = findings
        self._strategies: dict[tuple[str, tuple[str, ...]], FoundStrategy | StrategyError] = {}
        self._written: dict[str, Mapping[str, Any] | None] = {}
        self._securities: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def strategies(self, part: Part) -> Iterator[FoundStrategy]:
        """Yield the strategies of `part` that can be used."""
        for name, path in product(*(_values(part, key) for key in ("strategy", "strategy_path"))):
            if name.value is None:
                continue
            key = name.value, tuple(path.value or ())
            if key not in self._strategies:
                self._strategies[key] = self._found(*key, part)
            found = self._strategies[key]
            if isinstance(found, FoundStrategy):
                yield found
            else:
                fault = _path_fault(key[1])
                place = name.place if fault is None else path.place
                self._findings.add("strategy", place, fault or str(found))

    def securities(self, part: Part) -> tuple[str, ...]:
        """Return the names that runs of `part` may set parameters for; none where that cannot be known.

        These are the securities of the data, and those that a configuration has a section for.
        """
        places = tuple(
            part.arguments[key].place if key in part.arguments else None for key in (*_DATA, "config", "strategy")
        )
        if places not in self._securities:
            self._securities[places] = tuple(self._names(part))
        return self._securities[places]

    def _names(self, part: Part) -> dict[str, None]:
        names: dict[str, None] = {}
        for data, securities, most, *how in product(*(_values(part, key) for key in _DATA)):
            found = self._market(data, securities, most.value, dict(zip(HOW_READ, how, strict=True)))
            if found is None:
                return {}
            names |= dict.fromkeys(found)
        strategies = _values(part, "strategy") if _values(part, "config") else ()
        for strategy in strategies:
            for path, place in self._configurations(part, strategy.value):
                written = self._sections(path, place)
                if written is None:
                    return {}
                names |= dict.fromkeys(expand(written, {}, ()).mapping)
        return names if strategies else {}

    def _market(
        self, data: Placed, securities: Placed, most: int | None, how: Mapping[str, Placed]
    ) -> Sequence[str] | None:
        """Return the names of the securities, None after a finding."""
        values = {name: each.value for name, each in how.items()}
        place = data.place
        try:
            for name, check in (("bars", interval_name), ("zone", check_zone)):
                if values[name] is not None:
                    place = how[name].place
                    check(values[name])
            place = data.place
            self._setups.market(data.value, None, None, values)
            place = securities.place
            market = self._setups.market(data.value, securities.value, most, values)
        except DbatchError as error:
            self._findings.add("data", place, str(error))
            return None
        return [security.name for security in market.securities]

    def _configurations(self, part: Part, strategy: str | None) -> Iterator[tuple[str, Place]]:
        """Yield the configuration files of `part` with a strategy, each with its place."""
        for config in _values(part, "config"):
            path = config.value or (strategy and default_config(strategy))
            if path:
                yield path, config.place

    def _sections(self, path: str, place: Place) -> Mapping[str, Any] | None:
        """Return what a configuration file says, None after a finding."""
        if path not in self._written:
            try:
                written = load_mapping(path)
                expand(written, {}, (), path)
            except ConfigError as error:
                self._findings.add("config", place, f"{error.source}: {'; '.join(error.faults)}")
                self._written[path] = None
            else:
                self._written[path] = written
        return self._written[path]

    def _found(self, name: str, paths: tuple[str, ...], part: Part) -> FoundStrategy | StrategyError:
        """Return the strategy, or why it cannot be used."""
        try:
            ref = replace(self._setups.strategy(name, paths).ref, name=name)
            load_factory(ref)
        except StrategyError as error:
            return error
        written = next((self._sections(*config) for config in self._configurations(part, name)), None)
        common = {key: entry.values[0].value for key, entry in part.parameters.items() if entry.values}
        plain = {key: value for key, value in common.items() if "." not in key}
        try:
            handler = make_handler(ref, expand(written or {}, plain, self.securities(part)).mapping)
        except StrategyError:  # it fails for these values; the jobs that have them will say so
            handler = None
        try:
            declared_needs(ref, handler)
        except StrategyError as error:
            return error
        declared = declared_parameters(ref, handler)
        return FoundStrategy(name, paths, declared, takes_costs(handler, declared, written or {}))


def _values(part: Part, key: str) -> Sequence[Placed]:
    """Return what runs of `part` may have for an argument: none where it cannot be read, None where it is not given."""
    entry = part.arguments.get(key)
    return (Placed(None, ("base_args", key)),) if entry is None else entry.values


def _path_fault(paths: Sequence[str]) -> str | None:
    """Return what is wrong with the first of strategy paths that cannot be used, None where all can."""
    for path in paths:
        try:
            list_path(path)
        except StrategyError as error:
            return str(error)
    return None


def _whose(strategies: Sequence[str]) -> str:
    """Return whose parameter it is, in words.

    >>> _whose(["a"]), _whose(["a", "b", "c", "d"])
    (" (strategy 'a')", " (strategies 'a', 'b', 'c' and 1 more)")
    """
    shown = ", ".join(f"'{name}'" for name in strategies[:_MOST_NAMED])
    more = f" and {len(strategies) - _MOST_NAMED} more" if len(strategies) > _MOST_NAMED else ""
    return f" ({'strategy' if len(strategies) == 1 else 'strategies'} {shown}{more})"
