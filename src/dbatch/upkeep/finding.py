"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["OK", "WARN", "CRITICAL"]

_WORSE: Final[dict[Level, int]] = {"OK": 0, "WARN": 1, "CRITICAL": 2}


@dataclass(frozen=True)
class Finding:
    """One check: its name, how bad it is, what was found, and how to mend it (empty for what is well)."""

    check: str
    level: Level
    found: str
    repair: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level of `findings`, OK of none."""
    return max((finding.level for finding in findings), key=_WORSE.__getitem__, default="OK")


def few(names: Sequence[str]) -> str:
    """Return the first of `names`, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
