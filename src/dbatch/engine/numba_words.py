"""What numba says when it cannot compile something, in the words of who wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from numba.core.errors import NumbaError, UnsupportedBytecodeError

Fields = Mapping[str, tuple[str, ...]]
"""The fields of the NamedTuple classes that a strategy names, by name of the class."""

_LONGEST: Final = 300
_TUPLES: Final = ("Tuple", "UniTuple")
_PYTHON: Final = {"int64": "int", "float64": "float", "boolean": "bool", "unicode_type": "str", "none": "None"}
_NUMBERS_HINT: Final = "; a // b and int(x) are ints, 0.0 and float(x) floats"


@dataclass(frozen=True)
class Kind:
    """A type as numba writes it: a tuple or NamedTuple with the kinds of its `members`, or a scalar without any."""

    name: str
    members: tuple[Kind, ...] = ()

    @property
    def is_tuple(self) -> bool:
        return bool(self.members) or self.name in _TUPLES

    def __str__(self) -> str:
        if self.name in _TUPLES:
            return f"({', '.join(map(str, self.members))}{',' * (len(self.members) == 1)})"
        return self.name


def kind_of(text: str, fields: Fields) -> Kind:
    """Return numba's text of a type, taken apart.

    >>> str(kind_of("Tuple(State(int64, float64), UniTuple(Fill(float64 x 5) x 1))", {"State": (), "Fill": ()}))
    '(State, (Fill,))'
    """
    head, bracket, inside = text.strip().partition("(")
    inside = inside.removesuffix(")")
    if not bracket:
        return Kind(_PYTHON.get(head, head))
    if head == "OptionalType":
        return Kind(f"{kind_of(inside, fields)} or None")
    if head.startswith("Literal["):
        return Kind(head.removeprefix("Literal[").removesuffix("]"))
    if head not in fields and head not in _TUPLES:
        return Kind(text.strip())
    parts = _split(inside)
    if len(parts) == 1 and (repeated := re.fullmatch(r"(.*) x (\d+)", parts[0])):
        parts = [repeated[1]] * int(repeated[2])
    return Kind(head, tuple(kind_of(part, fields) for part in parts))


def first_difference(one: Kind, other: Kind, fields: Fields, path: str = "") -> tuple[str, str, str] | None:
    """Return where two types first differ, "State.book.bid", and what either is there; None when they are equal.

    The place is empty where it lies in no field of a NamedTuple.
    """
    if one == other:
        return None
    alike = one.is_tuple and other.is_tuple and len(one.members) == len(other.members)
    if not alike or (one.name != other.name and not {one.name, other.name} <= set(_TUPLES)):
        return path, str(one), str(other)
    names = fields.get(one.name, ())
    for number, pair in enumerate(zip(one.members, other.members, strict=True)):
        here = f"{path or one.name}.{names[number]}" if number < len(names) else ""
        if (found := first_difference(*pair, fields, here)) is not None:
            return found
    return path, str(one), str(other)


def number_hint(one: str, other: str) -> str:
    """Return how to get one kind of number, where the other came about; nothing for anything else."""
    return _NUMBERS_HINT if {one, other} == {"int", "float"} else ""


def in_words(error: BaseException, fields: Fields) -> str:
    """Return what `error` says is wrong, in one line of at most 300 characters; numba's own words where none fit."""
    said = _first_sentence(str(error))
    for pattern, words in _RULES:
        if (match := re.search(pattern, said)) is not None:
            return words(match, fields)
    if not isinstance(error, NumbaError | UnsupportedBytecodeError):
        said = f"{type(error).__name__}: {said}"
    return said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."


def _first_sentence(text: str) -> str:
    """Return the first paragraph that says something: no steps of the compiler, no places, no lists of candidates."""
    kept: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("File ", "During: ", "Return of: ", "There are ")):
            break
        if line and not line.startswith("Failed in "):
            kept.append(line)
    return re.sub(r"\.*( Raised from .*)?$", "", " ".join(" ".join(kept).split()))


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _python_names(types: str) -> str:
    return re.sub(
        r"\b\w+\b", lambda word: _PYTHON.get(word[0], word[0]), re.sub(r"Literal\[(\w+)\]\(.*?\)", r"\1", types)
    )


def _two_types(match: re.Match[str], fields: Fields) -> str:
    named = re.sub(r"\.\d+$", "", match["name"])
    return _must_be_one(match["one"], match["other"], "a value" if "$" in named else f"'{named}'", fields)


def _two_returns(match: re.Match[str], fields: Fields) -> str:
    one, other, *_ = [*_split(match["types"]), "", ""]
    return _must_be_one(one, other, "what it returns", fields)


def _must_be_one(one: str, other: str, named: str, fields: Fields) -> str:
    kinds = kind_of(one, fields), kind_of(other, fields)
    where, first, second = first_difference(*kinds, fields) or ("", *map(str, kinds))
    hint = number_hint(first, second)
    first, second = sorted((first, second))  # numba takes the paths in any order
    return f"{where or named} is {first} on one path and {second} on another, must be one type{hint}"


def _no_attribute(match: re.Match[str], fields: Fields) -> str:
    name, kind = match["name"], match["kind"]
    if kind in fields and name == "_replace":
        return f"_replace is not compiled; make a new one with all fields: {kind}({', '.join(fields[kind])})"
    known = f"; it has {', '.join(fields[kind])}" if fields.get(kind) else ""
    return f"{_PYTHON.get(kind, kind)} has no '{name}'{known}"


def _global_of_type(match: re.Match[str], fields: Fields) -> str:
    if match["kind"] == "function":
        return f"'{match['name']}' is a plain function, must be compiled too: @njit(inline=\"always\")"
    return _global_value(match, fields)


def _global_value(match: re.Match[str], fields: Fields) -> str:
    right = "must be a number or a tuple of numbers, which never changes; what changes belongs into State"
    return f"the global '{match['name']}' is a {match['kind']}, {right}"


_RULES: Final[tuple[tuple[str, Callable[[re.Match[str], Fields], str]], ...]] = (
    (r"^Cannot unify (?P<one>.+) and (?P<other>.+) for '(?P<name>[^']+)', defined", _two_types),
    (r"^Can't unify return type from the following types: (?P<types>.+)$", _two_returns),
    (
        r"opcode \((STORE|DELETE)_GLOBAL\)",
        lambda match, fields: "a global cannot be changed in compiled code; keep it in State, as a field",
    ),
    (
        r"^No definition for lowering (?P<kind>\w+).*\.(?P<name>\w+) = ",
        lambda match, fields: (
            f"'{match['name']}' of a {match['kind']} cannot be set; make a new one with all fields: "
            f"{match['kind']}({', '.join(fields.get(match['kind'], ('...',)))})"
        ),
    ),
    (
        r"^In '<class '(?:.*\.)?(?P<kind>\w+)'>': (?P<why>.+)",
        lambda match, fields: (
            f"{match['kind']}(...): {match['why']}; its fields are {', '.join(fields.get(match['kind'], ('others',)))}"
        ),
    ),
    (
        r"wrong tuple length for .*expected (?P<names>\d+), got (?P<values>\d+)",
        lambda match, fields: f"{match['values']} values cannot be unpacked into {match['names']} names",
    ),
    (
        r"^Cannot bind .* to signature '\((?P<right>.*)\) -> .*TypeError: (?P<why>.*?)\"?\.?$",
        lambda match, fields: f"{match['why']}; the arguments are {match['right']}".replace("'", ""),
    ),
    (r"^Unknown attribute '(?P<name>\w+)' of type (?P<kind>\w+)", _no_attribute),
    (r"^Untyped global name '(?P<name>\w+)'.*<class '(?:.*\.)?(?P<kind>\w+)'>", _global_of_type),
    (r"^The use of a (?:reflected )?(?P<kind>\w+)\(.*variable '(?P<name>\w+)' in globals", _global_value),
    (
        r"^No implementation of function .* found for signature: >>> (?P<call>.*)$",
        lambda match, fields: f"numba has no {_python_names(match['call'])}",
    ),
)
