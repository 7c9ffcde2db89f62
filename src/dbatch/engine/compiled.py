"""Compiled strategies over blocks of events: one set of parameters, or several in one pass."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import NO_EVENTS, EventBlock
from dbatch.engine.fills import NO_FILLS, Fills, fill_columns
from dbatch.engine.kept_fills import KeptFills
from dbatch.engine.kernel import flatten, readable_compile_errors, ready_kernel
from dbatch.engine.sessions import read_only, sessions_of
from dbatch.strategies import EventStrategy

FILL_ROOM: Final = 1 << 17
"""Fills that a thread's table holds before they are copied away: 6 MB, shared by the sets of parameters."""

_THREAD: Final = threading.local()
_NO_DAYS: Final = np.empty(0, np.int64)
_NO_SESSIONS: Final = np.empty((0, 5), np.int64)
_NOTHING: Final = tuple(map(read_only, NO_EVENTS))
_NO_PHASE: Final = (np.iinfo(np.int64).min, -1)


class Passage:
    """Sets of parameters of one strategy on their way through one security's events.

    `days` are those with prints, `rows` those that came by, `seen` those of them that the strategy saw, `last_price`
    that of the last print. To make one raises HandlerError when the strategy cannot be compiled, and what binding its
    parameters raises.
    """

    def __init__(self, strategy: EventStrategy, sections: Sequence[Mapping[str, Any]]) -> None:
        self._strategy = strategy
        self._kernel = ready_kernel(strategy)
        loop, sets = self._kernel.loop, len(sections)
        bound = [flatten(strategy.bind(strategy.parameters(**each)), loop.params_type) for each in sections]
        self._params = (
            np.array([ints for ints, _ in bound], np.int64),
            np.array([floats for _, floats in bound], np.float64),
        )
        self._state = (np.zeros((sets, loop.state_ints), np.int64), np.zeros((sets, loop.state_floats), np.float64))
        self._phase = np.array(_NO_PHASE)
        self._written = np.zeros(sets, np.int64)
        self._kept = [KeptFills() for _ in sections]
        self._told = 0
        self._fresh = True
        self._days: list[np.ndarray] = []
        self.rows = self.seen = 0
        self.last_price: float | None = None

    @property
    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """The ints and the floats of the first set's state, which change as it goes on."""
        return self._state[0][0], self._state[1][0]

    @property
    def days(self) -> np.ndarray:
        """Return the days with prints: int64, since 1970, rising."""
        return self._days[0] if len(self._days) == 1 else np.unique(np.concatenate([_NO_DAYS, *self._days]))

    def replay(self, block: EventBlock) -> None:
        """Go on through `block`; raises whatever the strategy's code raises."""
        sessions = sessions_of(block, self._strategy, self._kernel.find_sessions)
        with readable_compile_errors(self._strategy):
            self._replay(sessions.table, tuple(map(read_only, block)))
        if len(sessions.days):
            self._days.append(sessions.days)
        self.rows += len(block)
        self.seen += sessions.seen
        if sessions.last_price is not None:
            self.last_price = sessions.last_price

    def finish(self) -> None:
        """Go on past the last event: where the strategy has something to do at the end of a day, the last one ends."""
        if self._strategy.on_day_end is None:
            return
        self._keep_fills()
        with readable_compile_errors(self._strategy):
            self._call(0, 0, _NO_SESSIONS, _NOTHING, at_end=True)

    def fills(self) -> list[Fills]:
        """Return the fills of each set."""
        self._keep_fills()
        return [kept.since() for kept in self._kept]

    def new_fills(self) -> Fills:
        """Return the first set's fills since this was asked last."""
        self._keep_fills()
        told, self._told = self._told, len(self._kept[0])
        return self._kept[0].since(told)

    def _replay(self, table: np.ndarray, columns: tuple[np.ndarray, ...]) -> None:
        session = row = 0
        while session < len(table) or self._fresh:
            session, row = self._call(session, row, table, columns, at_end=False)
            if session < len(table):
                self._keep_fills(row / len(columns[0]))

    def _call(
        self, session: int, row: int, table: np.ndarray, columns: tuple[np.ndarray, ...], *, at_end: bool
    ) -> tuple[int, int]:
        room = FILL_ROOM // len(self._kept)
        where = (session, row, table, *columns)
        how = (*self._params, self._fresh, at_end, *self._state, self._phase, room, self._written)
        self._fresh = False
        reached: tuple[int, int] = self._kernel.replay(*where, *how, *_fill_room()[1])
        return reached

    def _keep_fills(self, done: float = 1.0) -> None:
        """Copy the fills out of the arrays that the loop writes to, and have it begin there anew."""
        table, _ = _fill_room()
        room = FILL_ROOM // len(self._kept)
        for number, (kept, written) in enumerate(zip(self._kept, self._written.tolist(), strict=True)):
            if written:
                begin = number * room
                kept.add(table[:, begin : begin + written], done)
        self._written[:] = 0


def _fill_room() -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return this thread's table for the loop to write fills into, and its columns: touched once for all jobs."""
    found: tuple[np.ndarray, tuple[np.ndarray, ...]] | None = getattr(_THREAD, "fills", None)
    if found is None or found[0].shape[1] != FILL_ROOM:
        table = np.empty((len(NO_FILLS), FILL_ROOM), np.int64)
        found = _THREAD.fills = table, fill_columns(table)
    return found
