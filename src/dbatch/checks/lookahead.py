"""Whether decisions stay as they were when the data go on: the same strategy over data that were cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from dbatch.checks.decisions import DAY, Decisions, first_difference, moment
from dbatch.checks.history import History
from dbatch.checks.places import cuts_of, drawn
from dbatch.checks.subject import RunFailedError, Subject
from dbatch.errors import DataError, MissingDataError

DEFAULT_CUTS: Final = 10
Verdict = Literal["sound", "nothing compared", "known", "looks ahead", "failed", "skipped"]


@dataclass(frozen=True)
class Difference:
    """The first past decision that the rest of the data changed.

    `cut` counts the places from 1, `place` is how many rows (or days of a universe) were kept, `last` the time of the
    last of them. `whole` and `part` are the decision in words with all data and with the cut ones; None where it is not
    there, and `part` says why where the strategy failed.
    """

    cut: int
    place: int
    last: str
    what: str
    number: int
    whole: str | None
    part: str | None


@dataclass(frozen=True)
class JobCheck:
    """What came of one security, or of a universe: `cuts` places were cut at, `compared` past decisions compared."""

    security: str
    verdict: Verdict
    cuts: int = 0
    compared: int = 0
    difference: Difference | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cut:
    """One place: what differs there; or only what was closed there, because the data ended."""

    compared: int
    difference: Difference | None = None
    settled: bool = False
    is_flat: bool = True


@dataclass
class _Found:
    cuts: list[_Cut] = field(default_factory=list)

    def difference(self) -> Difference | None:
        """Return the first difference; closing at the end of the data is none where it is done at every end."""
        always = all(cut.is_flat for cut in self.cuts)
        wrong = (cut.difference for cut in self.cuts if not (cut.settled and always))
        return next((one for one in wrong if one is not None), None)


def check_job(subject: Subject, load: Callable[[], History], security: str, cuts: int, seed: int) -> JobCheck:
    """Return whether the past decisions of `subject` over the history are the same when it is cut at `cuts` places."""
    try:
        history = load()
        whole = subject.run(history.rows)
    except (MissingDataError, DataError) as error:
        return JobCheck(security, "skipped", notes=(str(error),))
    except RunFailedError as error:
        return JobCheck(security, "failed", notes=(f"fails over all of the data: {error}",))
    candidates = history.borders("day") if subject.settles_days else history.clean
    places = cuts_of(history, candidates, whole, cuts, seed, security)
    found = _at(subject, history, whole, places)
    difference, compared = found.difference(), sum(cut.compared for cut in found.cuts)
    notes = _notes(subject, found, difference)
    if difference is None:
        if compared:
            return JobCheck(security, "sound", len(places), compared, None, notes)
        why = "decides nothing" if not any(map(len, whole)) else "decides nothing before a place to cut at"
        return JobCheck(security, "nothing compared", notes=(f"{why}; other --data or --set may help",))
    verdict: Verdict = "looks ahead"
    if subject.known is not None:
        beyond = _beyond(subject, history, whole, cuts, seed, security)
        verdict, difference = ("known", difference) if beyond is None else ("looks ahead", beyond)
        ends = f"cut where a {subject.known.within} ends" if subject.known.within != "data" else ""
        if ends:
            notes = (*notes, f"{ends}, past decisions are {'the same' if beyond is None else 'not the same either'}")
    return JobCheck(security, verdict, len(places), compared, difference, notes)


def _beyond(
    subject: Subject, history: History, whole: Sequence[Decisions], cuts: int, seed: int, security: str
) -> Difference | None:
    """Return what differs where the period ends within which `subject` is known to look ahead; None for nothing."""
    if subject.known is None or subject.known.within == "data":
        return None
    borders = history.borders(subject.known.within)
    return _at(subject, history, whole, drawn(borders, cuts, seed, security)).difference()


def _at(subject: Subject, history: History, whole: Sequence[Decisions], places: np.ndarray) -> _Found:
    found = _Found()
    for number, place in enumerate(places.tolist(), start=1):
        try:
            parts: Sequence[Decisions] = subject.run(history.before(place))
        except MissingDataError:  # too little to decide anything
            parts = [one.take(slice(0)) for one in whole]
        except (RunFailedError, DataError) as error:
            last = moment(int(history.times[place - 1]))
            failed = Difference(number, place, last, "run", 1, "goes through all of the data", f"fails: {error}")
            found.cuts.append(_Cut(0, failed))
            continue
        found.cuts += [_compared(one, part, history, number, place) for one, part in zip(whole, parts, strict=True)]
    return found


def _compared(whole: Decisions, part: Decisions, history: History, number: int, place: int) -> _Cut:
    """Return what became of the decisions before `place` when the data end there."""
    time, last = int(history.times[place]), int(history.times[:place].max())
    expected, found = whole.before(time), part.before(time)
    is_other_end = False
    if part.settled is not None:
        expected, found, is_other_end = _without_last_end(expected, part, last)
    differs = first_difference(expected, found)
    positions = found.columns.get("position")
    is_flat = positions is None or not len(found) or bool(positions[-1] == 0)
    if differs is None:
        return _Cut(len(expected), settled=is_other_end, is_flat=is_flat)
    told = Difference(
        number,
        place,
        moment(last),
        whole.what,
        differs + 1,
        expected.told(differs) if differs < len(expected) else None,
        found.told(differs) if differs < len(found) else None,
    )
    only_closes = positions is not None and differs == len(expected) and bool((found.times[differs:] == last).all())
    return _Cut(differs, told, settled=only_closes and is_flat, is_flat=is_flat)


def _without_last_end(expected: Decisions, part: Decisions, last: int) -> tuple[Decisions, Decisions, bool]:
    """Return the decisions without those that the end of the last day brought, and whether these are others.

    A strategy may treat the last day of the data otherwise; before the end of that day it cannot know that it is.
    """
    until = len(part) - (part.settled or 0)
    rest = expected.take(slice(until, None))
    at_end = rest.times >= last // DAY * DAY
    is_other = first_difference(rest.take(at_end), part.take(slice(until, None))) is not None
    before = np.arange(len(expected)) < until
    before[until:] = ~at_end  # what earlier days brought belongs to what is compared
    return expected.take(before), part.take(slice(until)), is_other


def _notes(subject: Subject, found: _Found, difference: Difference | None) -> tuple[str, ...]:
    notes = []
    if subject.settles_days:
        others = sum(cut.settled for cut in found.cuts)
        told = f"what the last day's end brings was another in {others} of {len(found.cuts)} cuts: the data end there"
        notes.append(f"it settles its days, so data were cut between days{'; ' + told if others else ''}")
    elif difference is None and any(cut.settled for cut in found.cuts):
        notes.append("it closes its position at the end of the data: that fill alone differs")
    if subject.known is not None:
        over = "over all of the data" if subject.known.within == "data" else f"within a {subject.known.within}"
        notes.append(f"known to look ahead, {over}: {subject.known.reason}")
    return tuple(notes)
