"""Position accounting at average cost: closing settles first, what is left opens or adds."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit


class Position(NamedTuple):
    """What we hold: `shares` signed, `entry` the weighted entry price, `realized` the running P&L in currency."""

    shares: int
    entry: float
    realized: float


class Fill(NamedTuple):
    """One execution of ours: `quantity` is signed (buys above zero), 0 stands for no fill.

    `realized` is this fill's P&L, `position` and `pnl` the shares held and the realised total after it.
    """

    price: float
    quantity: int
    realized: float
    position: int
    pnl: float


class DatedFill(NamedTuple):
    """A fill that became known after it took place: `timestamp` is when it did, nanoseconds since 1970."""

    timestamp: int
    fill: Fill


@njit(inline="always")
def flat() -> Position:
    """Return a position of no shares and no P&L."""
    return Position(0, 0.0, 0.0)


@njit(inline="always")
def no_fill() -> Fill:
    """Return the fill that is none."""
    return Fill(0.0, 0, 0.0, 0, 0.0)


@njit(inline="always")
def execute(position: Position, quantity: int, price: float) -> tuple[Position, Fill]:
    """Return `position` after trading `quantity` signed shares at `price`, and the fill to record.

    Average cost: the part that closes realises (exit - entry) x shares, the rest is averaged into the entry,
    (entry x |shares| + price x quantity) / new |shares|. The order of these operations is part of the result:
    the last bit of a published P&L depends on it.
    """
    if quantity == 0:
        return position, no_fill()
    shares = position.shares
    entry = position.entry
    realized = 0.0
    opening = quantity
    if shares > 0 and quantity < 0:
        closed = min(shares, -quantity)
        realized = (price - entry) * closed
        shares -= closed
        opening = quantity + closed
    elif shares < 0 and quantity > 0:
        closed = min(-shares, quantity)
        realized = (entry - price) * closed
        shares += closed
        opening = quantity - closed
    if opening != 0:
        held = abs(shares)
        added = abs(opening)
        entry = price if held == 0 else (entry * held + price * added) / (held + added)
        shares += opening
    pnl = position.realized + realized
    return Position(shares, entry, pnl), Fill(price, quantity, realized, shares, pnl)
