"""What is wrong with single cells: counted by reason, with the first few of each by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dbatch.data.names import shown

EXAMPLES_PER_REASON: Final = 3
_FOUND_LENGTH: Final = 40


@dataclass(frozen=True)
class Fault:
    """One cell that cannot be used as it is: `where` is like `ADIB!C7` or `ticks.csv:12`."""

    where: str
    reason: str
    found: str


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
        """Return one line a reason: how many cells, and the first of them by name."""
        return [
            f"{count} unusable cells: {reason} ("
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
