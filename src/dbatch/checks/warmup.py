"""How much history a strategy needs: from when on it decides alike when the data begin later.

Sizes that follow from an account are left out: it begins with the data. What is compared are sides, times and prices of
fills, target positions, weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dbatch.checks.decisions import Decisions, moment, same_rows
from dbatch.checks.history import History
from dbatch.checks.places import drawn
from dbatch.checks.subject import RunFailedError, Subject
from dbatch.errors import DataError, MissingDataError

DEFAULT_STARTS: Final = 5
TOLERANCE: Final = 1e-9
"""Of targets and weights: a recursive mean never quite forgets where it began."""

Verdict = Literal["agrees", "differs", "nothing compared", "failed", "skipped"]


@dataclass(frozen=True)
class Start:
    """A later beginning of the data: `place` rows (or days of a universe) were left out, `first` is its first time.

    `needed` is the number of rows from there after which all decisions are those of the whole history, None where they
    differ to the end of the data; `last_difference` the last one that differs, in words. `compared` decisions are the
    same afterwards.
    """

    place: int
    first: str
    needed: int | None
    compared: int
    last_difference: str | None = None


@dataclass(frozen=True)
class JobWarmup:
    """What came of one security, or of a universe: `needed` rows at most, None where a start never agrees."""

    security: str
    verdict: Verdict
    needed: int | None = None
    starts: tuple[Start, ...] = ()
    notes: tuple[str, ...] = ()


def check_job(subject: Subject, load: Callable[[], History], security: str, starts: int, seed: int) -> JobWarmup:
    """Return from when on `subject` decides alike when the history begins at `starts` later places of its first half.

    Ticks begin at midnight, as they do when a later first date is asked for.
    """
    try:
        history = load()
        whole = subject.run(history.rows)
    except (MissingDataError, DataError) as error:
        return JobWarmup(security, "skipped", notes=(str(error),))
    except RunFailedError as error:
        return JobWarmup(security, "failed", notes=(f"fails over all of the data: {error}",))
    candidates = history.borders("day") if "ticks" in subject.kind else history.clean
    candidates = candidates[candidates <= max(len(history) // 2, candidates[:1].sum())]
    found, notes = [], []
    for place in drawn(candidates, starts, seed, security).tolist():
        try:
            late = subject.run(history.since(place))
        except (MissingDataError, DataError) as error:
            notes.append(f"without the first {place:,} rows: {error}")
            continue
        except RunFailedError as error:
            return JobWarmup(security, "failed", notes=(f"fails without the first {place:,} rows: {error}",))
        found.append(_start(subject, history, whole, late, place))
    return _judged(security, found, notes)


def _judged(security: str, found: Sequence[Start], notes: Sequence[str]) -> JobWarmup:
    needs = [start.needed for start in found]
    if any(need is None for need in needs):
        return JobWarmup(security, "differs", None, tuple(found), tuple(notes))
    if not any(start.compared for start in found):
        told = (*notes, "no decision of both to compare; other --data or --set may help")
        return JobWarmup(security, "nothing compared", None, tuple(found), told)
    return JobWarmup(security, "agrees", max(need for need in needs if need is not None), tuple(found), tuple(notes))


def _start(
    subject: Subject, history: History, whole: Sequence[Decisions], late: Sequence[Decisions], place: int
) -> Start:
    """Return what came of the start at `place`: of several kinds of decision the one that needs most."""
    streams = [
        _agreed(_kept(subject, one), _kept(subject, other), history, place)
        for one, other in zip(whole, late, strict=True)
    ]
    worst = max(streams, key=lambda one: (one.needed is None, one.needed or 0))
    return Start(place, worst.first, worst.needed, sum(one.compared for one in streams), worst.last_difference)


def _kept(subject: Subject, one: Decisions) -> Decisions:
    """Return of each decision what does not follow from the size of an account."""
    if not subject.resizes or "position" not in one.columns:
        columns = {name: column for name, column in one.columns.items() if not (subject.resizes and name == "shares")}
        return Decisions(one.what, one.times, columns)
    sides = {name: np.sign(one.columns[name]) for name in ("quantity", "position")}
    return Decisions(one.what, one.times, {**sides, "price": one.columns["price"]})


def _agreed(whole: Decisions, late: Decisions, history: History, place: int) -> Start:
    begin = int(history.times[place])
    earlier, later = whole.before(begin), whole.since(begin)
    common = min(len(later), len(late))
    ends = later.take(slice(len(later) - common, None)), late.take(slice(len(late) - common, None))
    differs = np.flatnonzero(~same_rows(*ends, tolerance=TOLERANCE))
    same = common - (int(differs[-1]) + 1 if len(differs) else 0)
    first = moment(begin)
    others = [
        (int(one.times[len(one) - same - 1]), one, len(one) - same - 1) for one in (later, late) if len(one) > same
    ]
    told = None
    agrees_from = begin
    if others:
        time, one, number = max(others, key=lambda other: other[0])
        told = f"{'the whole history' if one is later else 'the shorter one'} has {one.what} at {one.told(number)}"
        agrees_from = time + 1
    if _side(earlier, later, len(later) - same) != _side(None, late, len(late) - same):
        told = told or f"the whole history holds a position at {first}"
        if not same:
            return Start(place, first, None, 0, told)
        agrees_from = max(agrees_from, int(later.times[len(later) - same]))
    if others and not same:
        return Start(place, first, None, 0, told)
    needed = int(np.searchsorted(np.maximum.accumulate(history.times), agrees_from)) - place
    return Start(place, first, max(needed, 0), same, told)


def _side(earlier: Decisions | None, one: Decisions, number: int) -> float:
    """Return the sign of the position before decision `number`; 0.0 for decisions that are none of positions."""
    if "position" not in one.columns:
        return 0.0
    if number:
        return float(np.sign(one.columns["position"][number - 1]))
    return float(np.sign(earlier.columns["position"][-1])) if earlier is not None and len(earlier) else 0.0
