"""What is wrong with single cells: counted by reason, with the first few of each by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dbatch.data.names import shown

EXAMPLES_PER_REASON: Final = 3
_FOUND_LENGTH: Final = 40
SORTED: Final = "time is earlier than a row before, the bars are sorted"
REPEATED: Final = "time is that of an earlier row, which is kept"
INVERTED: Final = "high is below low"
OUTSIDE: Final = "is outside low to high, the bar stays"
GAP: Final = "bars are missing before this one"
_OF_ROWS: Final = (SORTED, REPEATED, INVERTED, OUTSIDE, GAP)
"""Ends of the reasons that are about a whole row: no cell of it is unusable."""


@dataclass(frozen=True)
class Fault:
    """One cell that cannot be used as it is: `where` is like `ADIB!C7` or `ticks.csv:12`."""

    where: str
    reason: str
    found: str


def counted(count: int, reason: str, kind: str = "") -> str:
    """Return how many cells, of a `kind`, or rows a reason holds for.

    >>> counted(1, "price is not a number", "unusable "), counted(1_200, SORTED)
    ('1 unusable cell', '1,200 rows')
    """
    what = "row" if reason.endswith(_OF_ROWS) else f"{kind}cell"
    return f"{count:,} {what}{'s' * (count != 1)}"


class Faults:
    """The faults of one security, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: list[Fault] = []

    def add(self, reason: str, where: Callable[[], str], found: object) -> None:
        """Count one fault; `where` is asked only if this one is kept as an example."""
        self._counts[reason] += 1
        if self._counts[reason] <= EXAMPLES_PER_REASON:
            text = "" if found is None else shown(str(found))
            if len(text) > _FOUND_LENGTH:
                text = text[: _FOUND_LENGTH - 1] + "…"
            self._examples.append(Fault(where(), reason, text))

    def include(self, counts: Mapping[str, int], examples: Sequence[Fault]) -> None:
        """Add faults that were counted elsewhere."""
        self._counts.update(counts)
        self._examples.extend(examples)

    def lines(self) -> list[str]:
        """Return one line a reason: how many cells or rows, and the first of them by name."""
        return [
            f"{counted(count, reason, 'unusable ')}: {reason} ("
            + ", ".join(f"{fault.where} {fault.found!r}" for fault in self._examples if fault.reason == reason)
            + ")"
            for reason, count in self.counts.items()
        ]

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each fault, by reason in alphabetical order."""
        return dict(sorted(self._counts.items()))

    @property
    def examples(self) -> tuple[Fault, ...]:
        """The first `EXAMPLES_PER_REASON` faults of each reason, in source order."""
        return tuple(self._examples)
