"""What the tests of a contract work with: the strategy, its parameters, the events, and runs of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import SkipTest

import numpy as np

from dbatch.data.blocks import NOT_A_TIME, EventBlock, cut
from dbatch.errors import HandlerError, StrategyError
from dbatch.schema import EVENT_TYPES
from dbatch.strategies import CompiledStrategy
from dbatch.testing.outcome import Outcome
from dbatch.testing.subject import Job, Sections, Subject, Watch
from dbatch.testing.turns import Turns

FIRST: Final = "TEST"
SECOND: Final = "OTHER"
KINDS: Final = (*EVENT_TYPES, "event without a type")
_DAY: Final = 86_400_000_000_000
_SHORT: Final = 500
_TURN: Final = 100
_NOT_COMPILED: Final[set[object]] = set()
"""Strategies of this process whose compiled code is no strategy: every other test would fail with the same words."""


@dataclass(frozen=True)
class Bench:
    """A strategy with the same parameters for two securities, and the events of the first."""

    subject: Subject
    parameters: Mapping[str, Any]
    events: EventBlock

    @property
    def sections(self) -> Sections:
        return {FIRST: self.parameters, SECOND: self.parameters}

    def job(self, security: str = FIRST, watch: Watch | None = None) -> Job:
        """Return a job of a fresh handler.

        Raises SkipTest for a strategy that could not be compiled in an earlier job: that was told then.
        """
        strategy = self.subject.ref or self.subject.factory
        if strategy in _NOT_COMPILED:
            raise SkipTest("the strategy cannot be compiled, as another test says")
        run = self.subject.job(self.sections, security, watch)

        def told_once(blocks: Iterable[EventBlock]) -> Outcome:
            try:
                return run(blocks)
            except (StrategyError, HandlerError):
                if isinstance(self.subject.make(self.sections), CompiledStrategy):
                    _NOT_COMPILED.add(strategy)
                raise

        return told_once

    def run(
        self,
        events: EventBlock | None = None,
        rows: int | None = None,
        security: str = FIRST,
        watch: Watch | None = None,
    ) -> Outcome:
        """Return what a fresh handler does with `events` (else all of them), in chunks of `rows` rows (else one)."""
        events = self.events if events is None else events
        return self.job(security, watch)(cut([events], rows or max(len(events), 1)))

    def second_half(self) -> EventBlock:
        """Return other events: the later half of those there are."""
        return self.events.rows(slice(len(self.events) // 2, None))

    def around_midnight(self) -> EventBlock:
        """Return at most 1,000 rows: where the date first changes in their middle, as far as there are rows."""
        begin = max(min(self._rows_of_first_day() - _SHORT, len(self.events) - 2 * _SHORT), 0)
        return self.events.rows(slice(begin, begin + 2 * _SHORT))

    def starts(self) -> Iterator[tuple[str, EventBlock]]:
        """Yield a kind of event and at most 500 events that begin with it.

        There are two of each kind: the first of all, and the first from the middle of the first day on.
        """
        priced = (self.events.prices > 0) & (self.events.timestamps != NOT_A_TIME)
        for begin in dict.fromkeys((0, self._rows_of_first_day() // 2)):
            for code, kind in enumerate(KINDS):
                found = np.flatnonzero(priced[begin:] & (self.events.kinds[begin:] == code))
                if len(found):
                    first = begin + int(found[0])
                    yield kind, self.events.rows(slice(first, first + _SHORT))

    def without_prices(self) -> EventBlock:
        """Return the events as rows that tell nothing: a third without a price, without a time, with a price of 0."""
        number = np.arange(len(self.events)) % 3
        times = np.where(number == 1, NOT_A_TIME, self.events.timestamps)
        prices = np.select([number == 0, number == 2], [np.nan, 0.0], self.events.prices)
        return EventBlock(times, self.events.kinds, prices, self.events.volumes)

    def side_by_side(self, other: EventBlock) -> tuple[Outcome, Outcome]:
        """Return the outcomes of two runs that are under way at once, by turns of 100 rows: these events, `other`."""
        turns = Turns()
        jobs = (self.job(FIRST), self.job(SECOND))

        def run(number: int, events: EventBlock) -> Outcome:
            try:
                return jobs[number](turns.blocks(number, cut([events], _TURN)))
            finally:
                turns.leave(number)

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.submit(run, 0, self.events), pool.submit(run, 1, other)
        return first.result(), second.result()

    def alone(self, events: EventBlock, security: str) -> Outcome:
        """Return the outcome of the same blocks as `side_by_side` gives, with no other run under way."""
        return self.run(events, _TURN, security)

    def _rows_of_first_day(self) -> int:
        dated = np.flatnonzero(self.events.timestamps != NOT_A_TIME)
        days = self.events.timestamps[dated] // _DAY
        later = np.flatnonzero(days != days[:1])
        return int(dated[later[0]]) if len(later) else len(self.events)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the random numbers that modules share, and put them back afterwards."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


@contextmanager
def noting(text: str) -> Iterator[None]:
    """Add `text` to what is raised, so that its reader knows when it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def copy_of(events: EventBlock) -> EventBlock:
    """Return events in memory of their own."""
    return EventBlock(*(column.copy() for column in events))


def same_events(first: EventBlock, second: EventBlock) -> bool:
    """Return whether two blocks hold the same values; missing prices are the same."""
    return all(
        np.array_equal(one, other, equal_nan=one.dtype.kind == "f") for one, other in zip(first, second, strict=True)
    )


def empty(events: EventBlock) -> Iterable[EventBlock]:
    """Return one block without rows."""
    return [events.rows(slice(0))]
