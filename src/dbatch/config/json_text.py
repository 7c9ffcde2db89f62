"""JSON as the standard has it: no NaN, each key once; faults with their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dbatch.config.positions import Misplaced, Parsed, Repeated, line_at, misplaced_at

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|-?(?:NaN|Infinity)\b')


def parse_json(text: str) -> Parsed:
    """Return what a JSON text says; raise Misplaced where it is not JSON or holds a NaN."""
    suspicious: set[str] = set()

    def pairs_to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            suspicious.add("key")
            mapping |= reversed(pairs)
        return mapping

    try:
        value = json.loads(text, object_pairs_hook=pairs_to_dict, parse_constant=suspicious.add)
    except json.JSONDecodeError as error:
        raise Misplaced(error.lineno, error.colno, f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from error
    if suspicious - {"key"}:
        raise _first_constant(text)
    return Parsed(value, tuple(_repeated(text)) if suspicious else ())


def _first_constant(text: str) -> Misplaced:
    """Return where the first NaN or infinity of a text stands that is otherwise JSON."""
    token = next(token for token in _TOKEN.finditer(text) if token.group()[0] in "NI-")
    return misplaced_at(text, token.start(), f"{token.group()} is not a JSON number")


@dataclass
class _Around:
    """A mapping or a list that is open: at which key or position, and where its keys began."""

    at: str | int
    keys: dict[str, int] = field(default_factory=dict)


def _repeated(text: str) -> Iterator[Repeated]:
    """Yield the repeated keys of a JSON text in their order."""
    around: list[_Around] = []
    last, start = "", 0
    for token in _TOKEN.finditer(text):
        match token.group()[:1]:
            case "{" | "[":
                around.append(_Around("" if token.group() == "{" else 0))
            case "}" | "]":
                around.pop()
            case "," if isinstance(around[-1].at, int):
                around[-1].at += 1
            case ":":
                mapping = around[-1]
                mapping.at = key = json.loads(last)
                first = mapping.keys.setdefault(key, start)
                if first != start:
                    place = tuple(each.at for each in around)
                    yield Repeated(place, line_at(text, start), line_at(text, first))
            case '"':
                last, start = token.group(), token.start()
