"""The parameters of every security: the `default` section, its own section, then what was set by hand."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbatch.errors import ConfigError

DEFAULT = "default"


@dataclass(frozen=True)
class ParameterSections:
    """What a strategy's factory gets, `{security: {parameter: value}}`, securities as their sections are."""

    mapping: dict[str, dict[str, Any]]

    def name_in_config(self, security: str) -> str:
        """Return the section's spelling of `security`: the exact one, else in any case; else as given."""
        return _spelling(security, self.mapping) or security


def expand(
    config: Mapping[Any, Any],
    overrides: Mapping[str, Any],
    securities: Sequence[str],
    source: str = "config",
) -> ParameterSections:
    """Return a section for every security of `config` and of `securities`.

    `overrides` is as from `parse_overrides`; one for a single security beats one for all. Keys that begin
    with `_` are comments. Raises ConfigError, naming `source`, with every fault: a section that is no
    mapping, two that differ only in case, a value set for a security that is not there.
    """
    faults: list[str] = []
    sections = {name: dict(section) for name, section in _own_sections(config, faults).items()}
    common = sections.pop(DEFAULT, {})
    names = list(sections)
    for security in securities:
        if _spelling(security, names) is None:
            names.append(security)
    everywhere, single = _split(overrides, names, faults)
    if faults:
        raise ConfigError(source, faults)
    mapping = {name: {**common, **sections.get(name, {}), **everywhere, **single.get(name, {})} for name in names}
    return ParameterSections(mapping)


def no_such_security(security: str, names: Sequence[str]) -> str | None:
    """Return that `security` is none of `names`, and which was meant; None where it is one in any case."""
    if _spelling(security, names) is not None:
        return None
    close = difflib.get_close_matches(security, names, n=1)
    return f"no security '{security}'" + (f"; did you mean '{close[0]}'?" if close else "")


def _own_sections(config: Mapping[Any, Any], faults: list[str]) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    folded: dict[str, str] = {}
    for name, section in config.items():
        if not isinstance(name, str):
            faults.append(f"{name!r}: a security's name must be text, is {type(name).__name__}")
        elif name.startswith("_"):
            continue
        elif not isinstance(section, Mapping):
            hint = f"parameters of every security stand in a '{DEFAULT}' section"
            faults.append(f"{name}: must be a mapping of parameters, is {type(section).__name__}; {hint}")
        elif folded.setdefault(name.casefold(), name) != name:
            faults.append(f"{name}: differs from '{folded[name.casefold()]}' only in case")
        else:
            sections[name] = {key: value for key, value in section.items() if not str(key).startswith("_")}
    return sections


def _split(
    overrides: Mapping[str, Any], names: Sequence[str], faults: list[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    everywhere: dict[str, Any] = {}
    single: dict[str, dict[str, Any]] = {}
    for key, value in overrides.items():
        security, dot, parameter = key.rpartition(".")
        if not dot:
            everywhere[key] = value
            continue
        name = _spelling(security, names)
        if name is None:
            faults.append(f"{key}: {no_such_security(security, names)}")
        else:
            single.setdefault(name, {})[parameter] = value
    return everywhere, single


def _spelling(security: str, names: Mapping[str, Any] | Sequence[str]) -> str | None:
    if security in names:
        return security
    folded = security.casefold()
    return next((name for name in names if name.casefold() == folded), None)
