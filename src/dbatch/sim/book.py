"""Top of book: one price level a side, each quote replacing its whole side."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from dbatch.sim.events import ASK, BID, Event


class Level(NamedTuple):
    """A displayed price level: `price` in currency, `quantity` in shares; no quantity means an empty side."""

    price: float
    quantity: int


class Book(NamedTuple):
    """The best level of each side."""

    bid: Level
    ask: Level


@njit(inline="always")
def empty_book() -> Book:
    """Return a book with nothing on either side."""
    return Book(Level(0.0, 0), Level(0.0, 0))


@njit(inline="always")
def apply_event(book: Book, event: Event) -> Book:
    """Return `book` after `event`: a quote replaces its side (volume 0 empties it), a trade changes nothing."""
    if event.kind == BID:
        return Book(Level(event.price, event.volume), book.ask)
    if event.kind == ASK:
        return Book(book.bid, Level(event.price, event.volume))
    return book


@njit(inline="always")
def is_quoted(level: Level) -> bool:
    """Return whether anything is displayed at `level`."""
    return level.quantity > 0


@njit(inline="always")
def mid_price(book: Book) -> float:
    """Return the average of both sides, or the one side that is there, or 0.0 for an empty book."""
    if book.bid.quantity > 0:
        if book.ask.quantity > 0:
            return (book.bid.price + book.ask.price) / 2.0
        return book.bid.price
    if book.ask.quantity > 0:
        return book.ask.price
    return 0.0
