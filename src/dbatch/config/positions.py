"""Places in a text: a fault at one of them, and what a file says with the keys that it repeats."""

from __future__ import annotations

from typing import Any, NamedTuple

from dbatch.config.faults import Place


class Repeated(NamedTuple):
    """A key that its mapping has already: its place, its line and that of the first one, from 1."""

    place: Place
    line: int
    first: int

    @property
    def problem(self) -> str:
        return f"is given twice, first on line {self.first}"


class Parsed(NamedTuple):
    """What a text says, in JSON's types; of a repeated key the first value."""

    value: Any
    repeated: tuple[Repeated, ...] = ()


class Misplaced(ValueError):  # noqa: N818 - named for what it says; never leaves this room
    """A problem at a line and column, both counted from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        self.line = line
        self.column = column
        self.problem = problem
        super().__init__(line, column, problem)


def misplaced_at(text: str, offset: int, problem: str) -> Misplaced:
    """Return the problem at the character `offset` of `text`."""
    return Misplaced(line_at(text, offset), offset - text.rfind("\n", 0, offset), problem)


def line_at(text: str, offset: int) -> int:
    """Return the line, from 1, of the character `offset` of `text`."""
    return text.count("\n", 0, offset) + 1
