"""The trading day shared by these strategies: a fresh book each day, quotes in the open window, flat at the end."""

from __future__ import annotations

from typing import Final, NamedTuple

from numba import njit

from dbatch.sim import (
    TRADE,
    Book,
    Event,
    Fill,
    Position,
    SessionWindows,
    apply_event,
    empty_book,
    execute,
    flat,
    no_fill,
)

SESSION: Final = SessionWindows.of("10:00", "14:45", "14:55")
OPEN: Final = 1
CLOSING: Final = 3
NEVER: Final = -(2**63)


class Desk(NamedTuple):
    """What every strategy here carries from event to event.

    `day` is the date of the last event, `closed_day` the last date that was closed (`NEVER` at first),
    `closed` whether today is, `flatten_pending` whether the position waits for a trade to go flat at.
    """

    book: Book
    position: Position
    day: int
    closed_day: int
    closed: bool
    flatten_pending: bool


@njit(inline="always")
def new_desk() -> Desk:
    """Return a desk before its first event."""
    return Desk(empty_book(), flat(), NEVER, NEVER, False, False)


@njit(inline="always")
def begin_phase(desk: Desk, day: int, phase: int) -> Desk:
    """Return the desk before the first event of a phase of a day.

    Steps, in the published order: 1 a new date clears the book; 2 (market dates are the engine's); 3 a new date
    reopens the desk and drops a pending flatten, the position then stays overnight; 4 from 14:55 on the desk closes,
    and waits for a trade, whatever its volume, to go flat at: the first event may be one.
    """
    book = desk.book if day == desk.day else empty_book()
    closed = desk.closed and day == desk.closed_day
    pending = desk.flatten_pending and day == desk.closed_day
    closed_day = desk.closed_day
    if phase == CLOSING and not closed:
        closed = True
        closed_day = day
        pending = desk.position.shares != 0
    return Desk(book, desk.position, day, closed_day, closed, pending)


@njit(inline="always")
def begin_event(desk: Desk, event: Event) -> tuple[Desk, Fill, bool]:
    """Return the desk after `event`, the fill of an end-of-day flatten, and whether quoting goes on.

    Steps: 5 a pending flatten takes the next trade; 6 outside 10:00 to 14:45 events never touch the book; 7 the book
    takes the event.
    """
    if desk.flatten_pending:
        if event.kind != TRADE:
            return desk, no_fill(), False
        position, fill = execute(desk.position, -desk.position.shares, event.price)
        return Desk(desk.book, position, desk.day, desk.closed_day, desk.closed, False), fill, False
    if event.phase != OPEN:
        return desk, no_fill(), False
    book = apply_event(desk.book, event)
    return Desk(book, desk.position, desk.day, desk.closed_day, desk.closed, False), no_fill(), True


@njit(inline="always")
def with_position(desk: Desk, position: Position) -> Desk:
    """Return `desk` holding `position`."""
    return Desk(desk.book, position, desk.day, desk.closed_day, desk.closed, desk.flatten_pending)
