"""A fault at one place of a text."""

from __future__ import annotations


class Misplaced(ValueError):  # noqa: N818 - named for what it says; never leaves this room
    """A problem at a line and column, both counted from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        self.line = line
        self.column = column
        self.problem = problem
        super().__init__(line, column, problem)


def misplaced_at(text: str, offset: int, problem: str) -> Misplaced:
    """Return the problem at the character `offset` of `text`."""
    line = text.count("\n", 0, offset) + 1
    return Misplaced(line, offset - text.rfind("\n", 0, offset), problem)
