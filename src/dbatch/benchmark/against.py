"""A report against an earlier one of the same work: what changed by more than repeats differ; pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dbatch.benchmark.report import Measurement, Report, Series, Subject
from dbatch.errors import UsageError

_Value = Callable[[Measurement, int], float]


@dataclass(frozen=True)
class Change:
    """One quantity of one way to run: medians before and now, their ratio now / before.

    `spread` is the larger of both sides' largest - smallest. `changed` is whether the medians lie further apart
    than that, None where a side was measured once and has no spread.
    """

    workers: int | None
    quantity: str
    before: float
    now: float
    ratio: float | None
    spread: float
    changed: bool | None


def refuse_other(origin: str, earlier: Subject, now: Subject) -> None:
    """Raise UsageError, naming `origin`, when `earlier` is not the same strategy over the same events."""
    differs = None
    if earlier.strategy != now.strategy:
        differs = f"is of strategy {earlier.strategy!r}, not {now.strategy!r}"
    elif set(earlier.data) != set(now.data):
        others = sorted(set(earlier.data) ^ set(now.data))
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        differs = f"is of other securities ({', '.join(others[:3])}{more} on one side only)"
    elif changed := sorted(name for name in now.data if earlier.data[name] != now.data[name]):
        differs = f"is of other data ({changed[0]} has changed)"
    elif earlier.window != now.window:
        differs = "is of other dates or event types"
    if differs is not None:
        raise UsageError(f"--against {origin}: {differs}; measure both with the same --strategy and --data")


def circumstances(earlier: Report, now: Report) -> list[str]:
    """Return what else differs between two reports, a line each: it may be why figures differ."""
    lines = []
    if earlier.subject.code != now.subject.code:
        lines.append("the strategy's code has changed")
    if earlier.subject.parameters != now.subject.parameters:
        lines.append("parameters differ")
    if earlier.subject.chunk_rows != now.subject.chunk_rows:
        lines.append(f"chunk size {now.subject.chunk_rows:,}, was {earlier.subject.chunk_rows:,}")
    names = dict.fromkeys([*earlier.machine, *now.machine])
    for name in names:
        before, value = _fact(earlier.machine, name), _fact(now.machine, name)
        if before != value:
            lines.append(f"{name} {value}, was {before}")
    return lines


def _fact(machine: Mapping[str, Any], name: str) -> Any:
    return machine.get(name, "unknown")


def changes(earlier: Report, now: Report) -> tuple[Change, ...]:
    """Return how each quantity compares, for each way to run that both reports have, in the order of `now`."""
    before = {series.workers: series for series in earlier.series}
    return tuple(
        _change(quantity, value, before[series.workers], earlier.events, series, now.events)
        for series in now.series
        if series.workers in before
        for quantity, value in _QUANTITIES.items()
    )


_QUANTITIES: Final[Mapping[str, _Value]] = {
    "work wall": lambda one, events: one.measured.wall.work,
    "work CPU": lambda one, events: one.measured.cpu.work,
    "events/s": lambda one, events: events / max(one.measured.wall.work, 1e-9),
}


def _change(quantity: str, value: _Value, earlier: Series, earlier_events: int, series: Series, events: int) -> Change:
    past = [value(one, earlier_events) for one in earlier.measurements]
    present = [value(one, events) for one in series.measurements]
    before, now = statistics.median(past), statistics.median(present)
    spread = max(max(past) - min(past), max(present) - min(present))
    once = min(len(past), len(present)) < 2
    ratio = now / before if before > 0 else None
    return Change(series.workers, quantity, before, now, ratio, spread, None if once else abs(now - before) > spread)
