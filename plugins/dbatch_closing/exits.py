"""How a position ends: at the VWAP it was entered against, by its stop, or at a later close."""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from dbatch.sim import Fill, Position, execute, no_fill


class Exit(NamedTuple):
    """The order to close the whole position at `price`, in the market from `first_day` on while there is one."""

    price: float
    first_day: int


@njit(inline="always")
def stop_loss(position: Position, bid: float, ask: float, stop_loss_pct: float) -> tuple[Position, Fill]:
    """Return the position after its stop, and the fill: all of it at the mark, however little is displayed there.

    The mark is the best bid of a long and the best ask of a short position, 0.0 while there is none. The loss must be
    beyond the threshold, not at it.
    """
    shares = position.shares
    mark = bid if shares > 0 else ask
    if shares == 0 or not mark > 0.0:
        return position, no_fill()
    gain = mark - position.entry if shares > 0 else position.entry - mark
    is_hit = gain / position.entry * 100 < -stop_loss_pct
    position, fill = execute(position, -shares if is_hit else 0, mark)
    return position, fill


@njit(inline="always")
def exit_by_trade(position: Position, order: Exit, price: float, volume: int) -> tuple[Position, Fill]:
    """Return the position after a trade, and the fill of the exit order: at the trade's price, up to its volume."""
    shares = position.shares
    quantity = 0
    if shares > 0 and price >= order.price:
        quantity = -max(min(shares, volume), 0)
    elif shares < 0 and price <= order.price:
        quantity = max(min(-shares, volume), 0)
    position, fill = execute(position, quantity, price)
    return position, fill
