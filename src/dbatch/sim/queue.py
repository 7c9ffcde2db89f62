"""A resting order in a first-in-first-out queue: what stood before it must trade before it does."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit


class Order(NamedTuple):
    """Our order on one side of the book.

    `price` in currency (NaN before the first order), `ahead` the shares that trade before ours,
    `remaining` our shares still open, `live` whether it is in the market at all.
    """

    price: float
    ahead: int
    remaining: int
    live: bool


@njit(inline="always")
def no_order() -> Order:
    """Return the state of a side that has never had an order."""
    return Order(float("nan"), 0, 0, False)


@njit(inline="always")
def match_trade(order: Order, volume: int) -> tuple[Order, int]:
    """Return `order` after a trade of `volume` shares at a price it accepts, and the shares of ours that filled.

    The trade first uses up what is ahead in the queue, the rest fills us; a filled order leaves the market.
    """
    through = max(volume - order.ahead, 0)
    filled = min(order.remaining, through)
    ahead = max(order.ahead - volume, 0)
    remaining = order.remaining - filled
    return Order(order.price, ahead, remaining, order.live and (filled == 0 or remaining > 0)), filled
