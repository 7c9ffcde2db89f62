"""A Cartesian product of axes that is never written out: any of its runs, and any id, is worked out when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dbatch.config.faults import Place
from dbatch.config.run_ids import MAX_LENGTH, looks_shortened, shortened, value_text
from dbatch.config.settings import ARGUMENTS


@dataclass(frozen=True)
class Axis:
    """One key of a grid: its values, as runs get them, and the text of each in ids.

    `place` is where the values stand in the file.
    """

    key: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]
    place: Place

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def is_argument(self) -> bool:
        """Return whether the values are an argument's; else a parameter's."""
        return self.key in ARGUMENTS

    @property
    def lead(self) -> str:
        """Return what stands before a value's text in an id."""
        return f"{value_text(self.key)}_"

    @cached_property
    def positions(self) -> dict[str, int]:
        """Return the first position of each text, in lower case."""
        found: dict[str, int] = {}
        for i, text in enumerate(self.texts):
            found.setdefault(text.casefold(), i)
        return found

    def position(self, text: str) -> int | None:
        return self.positions.get(text)


@dataclass(frozen=True)
class Draws:
    """The axis of `size` random draws, whose values are their numbers. Its ids hold a `-`, so no grid's id is one."""

    size: int
    key: str = "random"
    lead: str = "random-"

    def __len__(self) -> int:
        return self.size

    def position(self, text: str) -> int | None:
        is_number = text.isascii() and text.isdigit() and len(text) < 20
        i = int(text) if is_number else self.size
        return i if i < self.size and text == self.text(i) else None

    @staticmethod
    def text(i: int) -> str:
        return f"{i:04d}"


@dataclass(frozen=True)
class Grid:
    """All combinations of the values of `axes`, the last one changing fastest; `prefix` begins every id."""

    axes: tuple[Axis | Draws, ...]
    prefix: str = ""
    _leads: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        leads = [axis.lead for axis in self.axes]
        object.__setattr__(self, "_leads", (self.prefix + leads[0], *("_" + lead for lead in leads[1:])))

    @cached_property
    def size(self) -> int:
        """Return how many combinations there are; may exceed what `len` can return."""
        return math.prod(len(axis) for axis in self.axes)

    def digits(self, i: int) -> tuple[int, ...]:
        """Return the position on each axis of combination `i`."""
        found = []
        for axis in reversed(self.axes):
            i, digit = divmod(i, len(axis))
            found.append(digit)
        return tuple(reversed(found))

    def column(self, axis: int, combinations: Iterable[int]) -> list[int]:
        """Return the positions on the axis with the number `axis` of all `combinations`: what `digits` has of each."""
        size, stride = len(self.axes[axis]), math.prod(map(len, self.axes[axis + 1 :]))
        return [i // stride % size for i in combinations]

    def run_ids(self, columns: Sequence[Sequence[int]]) -> list[str]:
        """Return the ids of combinations, their positions a column an axis; see `run_id`. No axis may be of draws."""
        pieces = [map(texts.__getitem__, column) for texts, column in zip(self._texts, columns, strict=True)]
        ids = map("".join, zip(*pieces, strict=True))
        return list(ids if self._longest <= MAX_LENGTH else map(shortened, ids))

    def full_id(self, digits: tuple[int, ...]) -> str:
        """Return the id of a combination, however long it is."""
        parts = []
        for lead, axis, digit in zip(self._leads, self.axes, digits, strict=True):
            parts += [lead, axis.texts[digit] if isinstance(axis, Axis) else axis.text(digit)]
        return "".join(parts)

    def run_id(self, digits: tuple[int, ...]) -> str:
        """Return the id of a combination, fit for a file's name."""
        return shortened(self.full_id(digits))

    def find(self, run_id: str) -> int | None:
        """Return the combination whose id is `run_id` in any case; None when there is none.

        A shortened id is not found: see `may_hold`.
        """
        return self._find(run_id.casefold(), 0, 0)

    def may_hold(self, run_id: str) -> bool:
        """Return whether `run_id` has the form of a shortened id, and this grid has ids that are shortened."""
        return looks_shortened(run_id) and self._longest > len(run_id)

    def _find(self, rest: str, number: int, index: int) -> int | None:
        if number == len(self.axes):
            return None if rest else index
        axis, lead = self.axes[number], self._leads[number].casefold()
        if not rest.startswith(lead):
            return None
        rest = rest[len(lead) :]
        for end in range(len(rest) + 1):
            digit = axis.position(rest[:end])
            if digit is not None:
                found = self._find(rest[end:], number + 1, index * len(axis) + digit)
                if found is not None:
                    return found
        return None

    @cached_property
    def _texts(self) -> list[list[str]]:
        """Return what each value of each axis adds to an id."""
        return [
            [lead + text for text in axis.texts]
            for lead, axis in zip(self._leads, self.axes, strict=True)
            if isinstance(axis, Axis)
        ]

    @cached_property
    def _longest(self) -> int:
        last = (len(max(axis.texts, key=len)) if isinstance(axis, Axis) else 20 for axis in self.axes)
        return sum(map(len, self._leads)) + sum(last)
