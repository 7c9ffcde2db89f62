"""Position accounting at average cost, with numbers worked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.sim import Fill, Position, execute, flat, no_fill

compiled = execute
plain = execute.py_func


def test_a_position_begins_flat() -> None:
    assert flat() == flat.py_func() == Position(shares=0, entry=0.0, realized=0.0)


def test_no_fill_has_no_quantity() -> None:
    assert no_fill() == no_fill.py_func() == Fill(0.0, 0, 0.0, 0, 0.0)


@pytest.mark.parametrize(
    ("before", "quantity", "price", "after", "realized"),
    [
        # opening: the price is the entry, nothing is realised
        (Position(0, 0.0, 0.0), 100, 10.0, Position(100, 10.0, 0.0), 0.0),
        (Position(0, 9.0, 4.0), -100, 10.0, Position(-100, 10.0, 4.0), 0.0),
        # adding: (10 x 100 + 12 x 300) / 400 = 11.5
        (Position(100, 10.0, 0.0), 300, 12.0, Position(400, 11.5, 0.0), 0.0),
        (Position(-100, 10.0, 0.0), -300, 12.0, Position(-400, 11.5, 0.0), 0.0),
        # closing in part: the entry stays, (12 - 10) x 40 is realised, and the reverse when short
        (Position(100, 10.0, 5.0), -40, 12.0, Position(60, 10.0, 85.0), 80.0),
        (Position(-100, 10.0, 5.0), 40, 12.0, Position(-60, 10.0, -75.0), -80.0),
        # closing all of it: the entry is left as it was
        (Position(100, 10.0, 0.0), -100, 9.5, Position(0, 10.0, -50.0), -50.0),
        (Position(-100, 10.0, 0.0), 100, 9.5, Position(0, 10.0, 50.0), 50.0),
        # crossing zero: 100 close at (12 - 10), the other 50 open at 12
        (Position(100, 10.0, 0.0), -150, 12.0, Position(-50, 12.0, 200.0), 200.0),
        (Position(-100, 10.0, 0.0), 150, 12.0, Position(50, 12.0, -200.0), -200.0),
    ],
)
def test_a_fill_closes_first_and_opens_with_the_rest(
    before: Position, quantity: int, price: float, after: Position, realized: float
) -> None:
    fill = Fill(price, quantity, realized, after.shares, after.realized)
    assert plain(before, quantity, price) == (after, fill)
    assert compiled(before, quantity, price) == (after, fill)


def test_no_quantity_is_no_fill_and_changes_nothing() -> None:
    held = Position(100, 10.0, 5.0)
    assert plain(held, 0, 99.0) == (held, no_fill())


def test_the_entry_is_averaged_in_the_published_order_of_operations() -> None:
    _, before = None, Position(3, 0.1, 0.0)
    after, _ = plain(before, 4, 0.2)
    assert after.entry == (0.1 * 3 + 0.2 * 4) / 7
    assert after.entry != 0.1 * (3 / 7) + 0.2 * (4 / 7)  # the same number, another last bit


prices = st.floats(0.01, 1_000.0)
trades = st.lists(st.tuples(st.integers(-5_000, 5_000), prices), max_size=40)


@settings(derandomize=True, database=None, deadline=None)
@given(trades)
def test_position_and_cash_add_up(orders: list[tuple[int, float]]) -> None:
    position = flat.py_func()
    fills = []
    for quantity, price in orders:
        before = position
        position, fill = plain(before, quantity, price)
        assert position.shares == before.shares + quantity
        assert (position, fill) == compiled(before, quantity, price)
        if quantity:
            assert (fill.price, fill.quantity, fill.position) == (price, quantity, position.shares)
            assert fill.pnl == position.realized == before.realized + fill.realized
            fills.append(fill)
    # What trading brought in cash is what was realised, less what the shares held cost.
    cash = math.fsum(-fill.quantity * fill.price for fill in fills)
    turnover = math.fsum(abs(fill.quantity) * fill.price for fill in fills)
    realized = position.realized - position.shares * position.entry
    assert math.isclose(cash, realized, rel_tol=0, abs_tol=1e-9 * (1 + turnover))


@settings(derandomize=True, database=None, deadline=None)
@given(trades)
def test_the_mirror_image_of_trades_realises_the_opposite_at_the_same_entry(
    orders: list[tuple[int, float]],
) -> None:
    position, mirror = flat.py_func(), flat.py_func()
    for quantity, price in orders:
        position, _ = plain(position, quantity, price)
        mirror, _ = plain(mirror, -quantity, price)
        assert mirror == Position(-position.shares, position.entry, -position.realized)
