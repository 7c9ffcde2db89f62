"""A value at its place in a file: what it must be, asked for in one word, faults kept."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbatch.config.faults import Faults, Place, did_you_mean, shown

MAX_DEPTH = 50


@dataclass(frozen=True)
class Node:
    """A value of JSON's types, its place, and where its faults go.

    Every question returns what was asked for, or None after it kept a fault; so reading goes on to the next one.
    """

    value: Any
    place: Place
    faults: Faults

    def fault(self, problem: str) -> None:
        """Keep a fault of this place."""
        self.faults.add(self.place, problem)

    def must_be(self, wanted: str) -> None:
        """Keep the fault that this is not `wanted`."""
        self.fault(f"must be {wanted}, is {shown(self.value)}")

    def child(self, key: str) -> Node:
        """Return what a mapping holds under `key`; its value is None where there is nothing."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Node(value, (*self.place, key), self.faults)

    @property
    def given(self) -> bool:
        """Whether there is a value; null is none."""
        return self.value is not None

    def text(self) -> str | None:
        """Return a text that is not blank."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        self.must_be("text")
        return None

    def integer(self, least: int | None = None) -> int | None:
        """Return a whole number that is at least `least`."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least):
            return value
        self.must_be("a whole number" if least is None else f"a whole number of at least {least}")
        return None

    def number(self) -> float | None:
        """Return a finite number."""
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            return float(value)
        self.must_be("a number")
        return None

    def boolean(self) -> bool | None:
        """Return true or false."""
        if isinstance(self.value, bool):
            return self.value
        self.must_be("true or false")
        return None

    def items(self, of: str) -> list[Node]:
        """Return the items of a list; none, after a fault, of what is no list or is empty. `of` names the items."""
        if not isinstance(self.value, list):
            self.must_be(f"a list of {of}")
            return []
        if not self.value:
            self.fault(f"is empty, must be a list of {of}")
        return [Node(item, (*self.place, i), self.faults) for i, item in enumerate(self.value)]

    def entries(self, of: str) -> list[tuple[str, Node]]:
        """Return the entries of a mapping without its comments, whose keys begin with `_`. `of` names the entries."""
        if not isinstance(self.value, dict):
            self.must_be(f"a mapping of {of}")
            return []
        return [(key, self.child(key)) for key in self.value if not key.startswith("_")]

    def known(self, keys: Sequence[str], other_words: dict[str, str] | None = None) -> None:
        """Keep a fault for every entry whose key is none of `keys`; `other_words` are names that others use."""
        for key, node in self.entries("fields"):
            if key not in keys:
                meant = (other_words or {}).get(key)
                hint = f"did you mean '{meant}'?" if meant else did_you_mean(key, keys)
                node.fault(f"unknown key; {hint}")

    def is_plain(self) -> bool:
        """Return whether all numbers inside are finite, and it is not too deep; else keep a fault."""
        problem = _not_plain(self.value, 0)
        if problem:
            self.fault(problem)
        return not problem


def _not_plain(value: Any, depth: int) -> str:
    match value:
        case float() if not math.isfinite(value):
            return "must be finite, is a number too large for a float"
        case list() | dict() if depth >= MAX_DEPTH:
            return f"must not be nested more than {MAX_DEPTH} deep"
        case list() | dict():
            items = value.values() if isinstance(value, dict) else value
            return next((problem for item in items if (problem := _not_plain(item, depth + 1))), "")
    return ""
