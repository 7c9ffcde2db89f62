"""A resting order waits for what is ahead of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.sim import Order, match_trade, no_order

plain = match_trade.py_func


def test_a_side_begins_without_an_order() -> None:
    for order in (no_order(), no_order.py_func()):
        assert math.isnan(order.price)
        assert order[1:] == (0, 0, False)


@pytest.mark.parametrize(
    ("order", "volume", "after", "filled"),
    [
        # 300 stand ahead of our 100
        (Order(10.0, 300, 100, True), 0, Order(10.0, 300, 100, True), 0),
        (Order(10.0, 300, 100, True), 200, Order(10.0, 100, 100, True), 0),
        (Order(10.0, 300, 100, True), 300, Order(10.0, 0, 100, True), 0),
        (Order(10.0, 300, 100, True), 301, Order(10.0, 0, 99, True), 1),
        (Order(10.0, 300, 100, True), 399, Order(10.0, 0, 1, True), 99),
        # filled to the last share, it leaves the market; what is more goes to others
        (Order(10.0, 300, 100, True), 400, Order(10.0, 0, 0, False), 100),
        (Order(10.0, 300, 100, True), 9_000, Order(10.0, 0, 0, False), 100),
        (Order(10.0, 0, 100, True), 40, Order(10.0, 0, 60, True), 40),
    ],
)
def test_a_trade_uses_up_what_is_ahead_and_then_fills_us(order: Order, volume: int, after: Order, filled: int) -> None:
    assert plain(order, volume) == (after, filled)
    assert match_trade(order, volume) == (after, filled)


@settings(derandomize=True, database=None, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 10_000),
    st.lists(st.integers(0, 5_000), max_size=20),
)
def test_trades_one_by_one_fill_what_their_sum_fills(ahead: int, size: int, volumes: list[int]) -> None:
    order = Order(10.0, ahead, size, True)
    total = 0
    for volume in volumes:
        order, filled = plain(order, volume)
        total += filled
    assert total == min(size, max(sum(volumes) - ahead, 0))
    assert order == Order(10.0, max(ahead - sum(volumes), 0), size - total, total < size)
