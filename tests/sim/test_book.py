"""The top of the book: each quote replaces its whole side."""

from __future__ import annotations

import pytest

from dbatch.sim import ASK, BID, OTHER, TRADE, Book, Event, Level, apply_event, empty_book, is_quoted, mid_price

NOTHING = Level(0.0, 0)
BOTH = Book(Level(10.0, 500), Level(10.5, 300))


def event(kind: int, price: float, volume: int) -> Event:
    return Event(timestamp=0, kind=kind, price=price, volume=volume, day=0, phase=0)


def test_a_book_begins_empty() -> None:
    assert empty_book() == empty_book.py_func() == Book(NOTHING, NOTHING)


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (event(BID, 9.0, 100), Book(Level(9.0, 100), BOTH.ask)),  # lower than before: there is but one level
        (event(ASK, 11.0, 100), Book(BOTH.bid, Level(11.0, 100))),
        (event(TRADE, 10.5, 100), BOTH),
        (event(OTHER, 10.5, 100), BOTH),
    ],
)
def test_a_quote_replaces_its_side_and_nothing_else(given: Event, after: Book) -> None:
    assert apply_event.py_func(BOTH, given) == after
    assert apply_event(BOTH, given) == after


@pytest.mark.parametrize(("kind", "quoted"), [(BID, (False, True)), (ASK, (True, False))])
def test_a_quote_of_no_volume_empties_its_side(kind: int, quoted: tuple[bool, bool]) -> None:
    book = apply_event(BOTH, event(kind, 10.2, 0))
    assert (is_quoted(book.bid), is_quoted(book.ask)) == quoted


@pytest.mark.parametrize(("quantity", "quoted"), [(0, False), (1, True)])
def test_a_level_is_quoted_when_anything_is_displayed(quantity: int, quoted: bool) -> None:
    assert is_quoted(Level(10.0, quantity)) is quoted
    assert is_quoted.py_func(Level(10.0, quantity)) is quoted


@pytest.mark.parametrize(
    ("book", "mid"),
    [
        (BOTH, 10.25),
        (Book(BOTH.bid, Level(10.5, 0)), 10.0),
        (Book(Level(10.0, 0), BOTH.ask), 10.5),
        (Book(NOTHING, NOTHING), 0.0),
    ],
)
def test_the_mid_is_the_average_or_the_one_side_there_is(book: Book, mid: float) -> None:
    assert mid_price.py_func(book) == mid
    assert mid_price(book) == mid
