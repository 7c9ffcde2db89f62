"""JSON as the standard has it: each key once, no NaN; faults with their place."""

from __future__ import annotations

import json
import re
from typing import Any

from dbatch.config.positions import Misplaced, misplaced_at

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|-?(?:NaN|Infinity)\b')


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raise Misplaced where it is not JSON, repeats a key or holds a NaN."""
    suspicious: list[str] = []

    def pairs_to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) != len(pairs):
            suspicious.append("key")
        return mapping

    try:
        value = json.loads(text, object_pairs_hook=pairs_to_dict, parse_constant=suspicious.append)
    except json.JSONDecodeError as error:
        raise Misplaced(error.lineno, error.colno, f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from error
    if suspicious:
        raise _first_fault(text)
    return value


def _first_fault(text: str) -> Misplaced:
    """Return the first repeated key or NaN of a text that is otherwise JSON."""
    keys: list[set[str]] = []
    last, start = "", 0
    for token in _TOKEN.finditer(text):
        match token.group()[:1]:
            case "{" | "[":
                keys.append(set())
            case "}" | "]":
                keys.pop()
            case ":":
                key = json.loads(last)
                if key in keys[-1]:
                    return misplaced_at(text, start, f"key '{key}' is given twice")
                keys[-1].add(key)
            case '"':
                last, start = token.group(), token.start()
            case "N" | "I" | "-":
                return misplaced_at(text, token.start(), f"{token.group()} is not a JSON number")
    return Misplaced(1, 1, "repeats a key")
