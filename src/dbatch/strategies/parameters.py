"""A strategy's parameters as a NamedTuple class: what they are, and whether what a user wrote fits them."""

from __future__ import annotations

import difflib
import math
import numbers
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types

from dbatch.errors import ConfigError

REQUIRED = "required"
_MAX_SAME_FAULTS = 3
_Fault = tuple[str, str, str]  # section, parameter, what is wrong


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter for people to read: `type` with its limits, `default` REQUIRED when there is none."""

    name: str
    type: str
    unit: str
    default: object
    description: str


def names_of(parameters_cls: Any) -> tuple[str, ...]:
    """Return the names of a NamedTuple class's fields, which `type` does not say that it has."""
    names: tuple[str, ...] = parameters_cls._fields
    return names


def defaults_of(parameters_cls: Any) -> dict[str, Any]:
    """Return the defaults of those fields of a NamedTuple class that have one."""
    defaults: dict[str, Any] = parameters_cls._field_defaults
    return defaults


def describe(parameters_cls: type) -> list[ParameterInfo]:
    """Return the parameters in the order of their fields; the first two texts are unit and description."""
    defaults = defaults_of(parameters_cls)
    infos = []
    for name, annotation in _annotations(parameters_cls).items():
        texts = [text for text in _metadata(annotation) if isinstance(text, str)]
        unit, description = [*texts, "", ""][:2]
        infos.append(ParameterInfo(name, type_text(annotation), unit, defaults.get(name, REQUIRED), description))
    return infos


def validate(
    parameters_cls: type,
    sections: Mapping[str, Mapping[str, Any]],
    source: str,
    overrides: Mapping[str, Any] = types.MappingProxyType({}),
) -> dict[str, Any]:
    """Return one instance of `parameters_cls` for each section, under the same names.

    Types are strict: a bool is no number, a whole float is an int, an int is a float, NaN and infinity are
    refused. Raises one ConfigError with the faults of all sections, each with its path; those of a value that came
    from `overrides`, which are as `parse_overrides` gives them, once each and under `--set` instead of `source`.
    """
    instances = {}
    faults: list[_Fault] = []
    for section, values in sections.items():
        instances[section], found = checked(parameters_cls, values, section)
        faults.extend((section, name, problem) for name, problem in found)
    if faults:
        raise _config_error(source, faults, overrides)
    return instances


def type_text(annotation: Any) -> str:
    """Return a type as people write it, with its limits: `int >= 0`, `float > 0 or none`."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        limits = " and".join(text for limit in metadata for text in _limit_texts(limit))
        text = type_text(inner)
        return text.removesuffix(" or none") + limits + (" or none" if text.endswith(" or none") else "")
    if get_origin(annotation) in (Union, types.UnionType):
        members = sorted(get_args(annotation), key=lambda member: member is type(None))
        return " or ".join(type_text(member) for member in members)
    if get_origin(annotation) is Literal:
        return " or ".join(repr(value) for value in get_args(annotation))
    if annotation in (None, type(None)):
        return "none"
    if annotation is str:
        return "text"
    return annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)


def checked(parameters_cls: type, values: Mapping[str, Any], security: str) -> tuple[Any, list[tuple[str, str]]]:
    """Return an instance of `parameters_cls` made of `values`, and no faults; or None, and (parameter, fault) pairs.

    Types are strict, as `validate` says. Where the class has a method `for_security`, the instance is what that makes
    of it for `security`, spelt as in the configuration: a default may depend on the security.
    """
    adapters = _adapters(parameters_cls)
    accepted: dict[str, Any] = {}
    faults = []
    for name, value in values.items():
        accepted[name], problem = _accepted(parameters_cls, adapters, str(name), value)
        if problem is not None:
            faults.append((str(name), problem))
    optional = defaults_of(parameters_cls)
    faults.extend((name, "is required") for name in adapters if name not in values and name not in optional)
    if faults:
        return None, faults
    instance = parameters_cls(**accepted)
    return (instance.for_security(security) if depends_on_security(parameters_cls) else instance), []


def depends_on_security(parameters_cls: type | None) -> bool:
    """Return whether what is not set follows from the security's name."""
    return hasattr(parameters_cls, "for_security")


def looks_at_values_alone(parameters_cls: type) -> bool:
    """Return whether `checked` accepts and keeps each value whatever the others are.

    So it is but for classes with a method `for_security`, or with ways of their own to make an instance.
    """
    made_by: Any = parameters_cls.__new__
    is_plain = parameters_cls.__bases__ == (tuple,) and str(made_by.__module__).startswith("namedtuple_")
    return is_plain and not depends_on_security(parameters_cls)


def accepted_each(parameters_cls: type, name: str, values: Iterable[Any]) -> list[Any] | None:
    """Return each of some values of the parameter `name` as `checked` keeps it; None where one has a fault."""
    adapters = _adapters(parameters_cls)
    found = [_accepted(parameters_cls, adapters, name, value) for value in values]
    return [value for value, _ in found] if all(problem is None for _, problem in found) else None


def name_fault(parameters_cls: type, name: str) -> str | None:
    """Return that there is no parameter `name`, and which was meant; None where there is."""
    known = names_of(parameters_cls)
    return None if name in known else _unknown(name, known)


def value_fault(parameters_cls: type, name: str, value: Any) -> str | None:
    """Return what is wrong with `value` for the parameter `name`, as `checked` says it; None for nothing."""
    return _accepted(parameters_cls, _adapters(parameters_cls), name, value)[1]


def _accepted(parameters_cls: type, adapters: Mapping[str, Any], name: str, value: Any) -> tuple[Any, str | None]:
    """Return the value of a parameter as its strategy gets it, and what is wrong with it."""
    adapter = adapters.get(name)
    if adapter is None:
        return None, _unknown(name, list(adapters))
    try:
        return adapter.validate_python(value), None
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        wanted = type_text(_annotations(parameters_cls)[name])
        return None, f"must be {wanted}, is {_shown(value)}{_inside(error.errors()[0]['loc'])}"


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return (
        f"unknown parameter; did you mean '{close[0]}'?" if close else f"unknown parameter; known: {', '.join(known)}"
    )


def _config_error(source: str, faults: Sequence[_Fault], overrides: Mapping[str, Any]) -> ConfigError:
    """Return the error of faults that lie in `source`, and of those that were set by hand."""
    by_hand: dict[str, str] = {}
    written = []
    for section, name, problem in faults:
        key = _set_by(section, name, overrides)
        if key is None:
            written.append((section, name, problem))
        else:
            by_hand[key] = problem
    if not by_hand:
        return ConfigError(source, _grouped(written))
    if not written and len(by_hand) == 1:
        ((key, problem),) = by_hand.items()
        return ConfigError(f"--set {key}", [problem])
    told = [f"--set {key}: {problem}" for key, problem in by_hand.items()]
    sources = (source, "--set") if written else ("--set",)
    return ConfigError(" and ".join(dict.fromkeys(sources)), [*_grouped(written), *told])


def _set_by(section: str, name: str, overrides: Mapping[str, Any]) -> str | None:
    """Return the key in `overrides` that set parameter `name` of a section: one for it alone beats one for all."""
    for key in overrides:
        security, _, parameter = key.rpartition(".")
        if parameter == name and security.casefold() == section.casefold():
            return key
    return name if name in overrides else None


def _grouped(faults: Sequence[_Fault]) -> list[str]:
    """Return one line a fault; one that many sections share, as from a default section, is said once."""
    sections: dict[tuple[str, str], list[str]] = {}
    for section, name, problem in faults:
        sections.setdefault((name, problem), []).append(section)
    lines = []
    for (name, problem), having in sections.items():
        if len(having) > _MAX_SAME_FAULTS:
            lines.append(f"{having[0]}.{name}: {problem} (and {len(having) - 1} more securities)")
        else:
            lines.extend(f"{section}.{name}: {problem}" for section in having)
    return lines


@lru_cache(maxsize=64)
def _adapters(parameters_cls: type) -> dict[str, Any]:
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    return {
        name: TypeAdapter(_lenient(annotation), config=config)
        for name, annotation in _annotations(parameters_cls).items()
    }


@lru_cache(maxsize=64)
def _annotations(parameters_cls: type) -> dict[str, Any]:
    hints = get_type_hints(parameters_cls, include_extras=True)
    return {name: hints[name] for name in names_of(parameters_cls)}


def _lenient(annotation: Any) -> Any:
    """Return the annotation so that whole floats are ints, and lists are tuples."""
    from pydantic import BeforeValidator

    if annotation is int:
        return Annotated[int, BeforeValidator(_as_int)]
    if annotation is float:
        return Annotated[float, BeforeValidator(_as_float)]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = tuple(limit for limit in arguments[1:] if not isinstance(limit, str))
        inner = _lenient(arguments[0])
        return Annotated[(inner, *limits)] if limits else inner
    if origin in (Union, types.UnionType):
        return Union[tuple(_lenient(member) for member in arguments)]  # noqa: UP007 - built at run time
    if origin is tuple:
        members = tuple(member if member is ... else _lenient(member) for member in arguments)
        return Annotated[types.GenericAlias(tuple, members), BeforeValidator(_as_tuple)]
    if origin is list:
        return types.GenericAlias(list, _lenient(arguments[0]))
    return annotation


def _as_int(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, numbers.Integral) else value


def _as_float(value: Any) -> Any:
    return value if isinstance(value, bool) or not isinstance(value, numbers.Real) else float(value)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _limit_texts(limit: Any) -> list[str]:
    """Return what a limit says, one text for each of its bounds; nothing for other metadata."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    if not isinstance(limit, annotated_types.BaseMetadata | annotated_types.GroupedMetadata):
        return []
    bounds = [(sign, getattr(limit, name, None)) for name, sign in signs.items()]
    return [f" {sign} {bound}" for sign, bound in bounds if bound is not None]


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    text = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    finite = not isinstance(value, float) or math.isfinite(value)
    return (
        text
        if isinstance(value, int | float) and finite and not isinstance(value, bool)
        else f"{text} ({type(value).__name__})"
    )


def _inside(location: tuple[int | str, ...]) -> str:
    place = [str(part) for part in location if isinstance(part, int)]
    return f" at [{']['.join(place)}]" if place else ""
