"""A holdout: days from some date on that a batch does not see, and that are opened once, for the run it chose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from dbatch.config.nodes import Node
from dbatch.errors import UsageError

_FROM: Final = re.compile(r"(\d{4}-\d{2}-\d{2}):?")


@dataclass(frozen=True)
class Holdout:
    """The days from `start`, an ISO date, on: sealed, or opened for runs over nothing else."""

    start: str
    is_open: bool = False

    def over(self, run_id: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a run that ends before the holdout, or where it is open begins with it.

        Raises UsageError for a run without such days.
        """
        first, last = arguments.get("start_date"), arguments.get("end_date")
        if self.is_open:
            if last is not None and last < self.start:
                raise UsageError(f"run {run_id}: end_date {last} lies before the holdout, which begins {self.start}")
            return {**arguments, "start_date": max(first or self.start, self.start)}
        if first is not None and first >= self.start:
            raise UsageError(f"run {run_id}: start_date {first} lies in the holdout, which begins {self.start}")
        before = (date.fromisoformat(self.start) - timedelta(days=1)).isoformat()
        return {**arguments, "end_date": min(last or before, before)}


def holdout_at(node: Node) -> Holdout | None:
    """Return what the field `holdout` says: `YYYY-MM-DD:`, sealed from that date on, or `{from: .., opened: true}`.

    None where it is not given, or after a fault.
    """
    if not node.given:
        return None
    inner = node.child("from") if isinstance(node.value, dict) else node
    found = _FROM.fullmatch(inner.value) if isinstance(inner.value, str) else None
    if found is None:
        inner.must_be("a date and a colon, such as 2025-04-14:")
        return None
    try:
        start = date.fromisoformat(found[1]).isoformat()
    except ValueError:
        inner.fault(f"{found[1]} is not a day of the calendar")
        return None
    return Holdout(start, isinstance(node.value, dict) and node.value.get("opened") is True)
