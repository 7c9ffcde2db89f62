"""The quality report of one security's events, and its JSON form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dbatch.data.faults import Fault


@dataclass(frozen=True)
class QualityReport:
    """What was found in one security's events, counted in source order.

    `rows` counts the rows kept, `usable_rows` those with a time, a type and a price. `unusable` counts cells
    by reason; their rows stay, the value is null. `blank_rows` (no cell filled) are no events and are left
    out. `first` and `last` are ISO times. `duplicates` are rows equal to the row before in all four values,
    `out_of_order` rows earlier than the row before. `gap_days` are days without events between first and
    last, leaving out the weekdays on which the security never has any; `gaps` are the first 20 runs of such
    days.
    """

    security: str
    source: str
    rows: int
    usable_rows: int
    blank_rows: int = 0
    unusable: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Fault, ...] = ()
    first: str | None = None
    last: str | None = None
    duplicates: int = 0
    out_of_order: int = 0
    gap_days: int = 0
    gaps: tuple[str, ...] = ()
    nonpositive_prices: int = 0
    zero_volumes: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, report: Mapping[str, Any]) -> QualityReport:
        """Return the report that `to_json` gave."""
        examples = tuple(Fault(**fault) for fault in report["examples"])
        return cls(**{**report, "examples": examples, "gaps": tuple(report["gaps"])})
