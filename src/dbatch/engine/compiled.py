"""Compiled strategies over blocks of events: one set of parameters, or several in one pass."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from dbatch.data.blocks import EventBlock
from dbatch.engine.fills import Fills, fill_columns, join_fills
from dbatch.engine.kernel import Kernel, flatten, readable_compile_errors, ready_kernel
from dbatch.engine.sessions import read_only, sessions_of
from dbatch.errors import HandlerError
from dbatch.strategies import EventStrategy

FILL_ROOM: Final = 1 << 17
"""Fills that a thread's arrays hold: 6 MB."""

_THREAD: Final = threading.local()
_NO_FILLS: Final = join_fills([])
_NO_DAYS: Final = np.empty(0, np.int64)
_NO_PHASE: Final = (np.iinfo(np.int64).min, -1)


class Passage:
    """Sets of parameters of one strategy on their way through one security's events.

    `days` are those with prints, `rows` those that came by, `seen` those of them that the strategy saw, `last_price`
    that of the last print. To make one raises HandlerError when the strategy cannot be compiled, and what binding its
    parameters raises.
    """

    def __init__(self, strategy: EventStrategy, sections: Sequence[Mapping[str, Any]]) -> None:
        self._strategy = strategy
        self._kernel = _kernel(strategy)
        loop, sets = self._kernel.loop, len(sections)
        bound = [flatten(strategy.bind(strategy.parameters(**each)), loop.params_type) for each in sections]
        self._params = (
            np.array([ints for ints, _ in bound], np.int64),
            np.array([floats for _, floats in bound], np.float64),
        )
        self._state = (np.zeros((sets, loop.state_ints), np.int64), np.zeros((sets, loop.state_floats), np.float64))
        self._phase = np.array(_NO_PHASE)
        self._written = np.zeros(sets, np.int64)
        self._pieces: list[list[np.ndarray]] = [[] for _ in sections]
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

    def fills(self) -> list[Fills]:
        """Return the fills of each set."""
        self._keep_fills()
        return [join_fills(pieces) if pieces else _NO_FILLS for pieces in self._pieces]

    def new_fills(self) -> Fills:
        """Return the first set's fills since this was asked last."""
        self._keep_fills()
        told, self._told = self._told, len(self._pieces[0])
        return join_fills(self._pieces[0][told:])

    def _replay(self, table: np.ndarray, columns: tuple[np.ndarray, ...]) -> None:
        _, out = _fill_room()
        room = FILL_ROOM // len(self._written)
        session = row = 0
        while session < len(table) or self._fresh:
            session, row = self._kernel.replay(
                session,
                row,
                table,
                *columns,
                *self._params,
                self._fresh,
                *self._state,
                self._phase,
                room,
                self._written,
                *out,
            )
            self._fresh = False
            if session < len(table):
                self._keep_fills()

    def _keep_fills(self) -> None:
        """Copy the fills out of the arrays that the loop writes to, and have it begin there anew."""
        table, _ = _fill_room()
        room = FILL_ROOM // len(self._written)
        for number, (pieces, written) in enumerate(zip(self._pieces, self._written.tolist(), strict=True)):
            if written:
                begin = number * room
                pieces.append(table[:, begin : begin + written].copy())
        self._written[:] = 0


def _kernel(strategy: EventStrategy) -> Kernel:
    found = ready_kernel(strategy)
    if isinstance(found, HandlerError):
        raise HandlerError(str(found)) from found.__cause__
    return found


def _fill_room() -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return this thread's table for the loop to write fills into, and its columns.

    Memory touched once serves all jobs. It is one table, so that what a job keeps is one piece of memory: of six
    small ones malloc gives the last back to the system each time, and touching them anew took a tenth of the loop.
    """
    found: tuple[np.ndarray, tuple[np.ndarray, ...]] | None = getattr(_THREAD, "fills", None)
    if found is None or found[0].shape[1] != FILL_ROOM:
        table = np.empty((len(fields(Fills)), FILL_ROOM), np.int64)
        found = _THREAD.fills = table, fill_columns(table)
    return found
