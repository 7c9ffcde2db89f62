"""The order book that plain Python handlers get: one level a side, kept by the handler itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class OrderBook:
    """A top-of-book: `bids` and `asks` map price to quantity and hold one level at most.

    `last_trade` is the last trade as a dict with `price`, `volume` and `timestamp`, or None. A handler may
    clear the dicts itself, at a new date for instance.
    """

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.last_trade: dict[str, Any] | None = None

    def set_bid(self, price: float, quantity: float) -> None:
        """Replace the bid side by one level; a quantity of 0 (or none) empties it."""
        _replace(self.bids, price, quantity)

    def set_ask(self, price: float, quantity: float) -> None:
        """Replace the ask side by one level; a quantity of 0 (or none) empties it."""
        _replace(self.asks, price, quantity)

    def get_best_bid(self) -> tuple[float, float] | None:
        """Return (price, quantity) of the highest bid, or None."""
        return _best(self.bids, max)

    def get_best_ask(self) -> tuple[float, float] | None:
        """Return (price, quantity) of the lowest ask, or None."""
        return _best(self.asks, min)

    def apply_update(self, update: Mapping[str, Any]) -> None:
        """Apply one event: a mapping with `type` (bid, ask or trade), `price`, `volume` and `timestamp`."""
        kind = update.get("type")
        price: Any = update.get("price")
        volume = update.get("volume", 0)
        if kind == "bid":
            self.set_bid(price, volume)
        elif kind == "ask":
            self.set_ask(price, volume)
        elif kind == "trade":
            self.last_trade = {"price": price, "volume": volume, "timestamp": update.get("timestamp")}


def _replace(side: dict[float, float], price: float, quantity: float) -> None:
    side.clear()
    if price is not None and quantity is not None and quantity > 0:
        side[price] = quantity


def _best(side: dict[float, float], choose: Any) -> tuple[float, float] | None:
    if not side:
        return None
    price = choose(side)
    return price, side[price]
