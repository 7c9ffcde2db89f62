"""FAULTY, a plain handler: buys at the lowest price of its chunk, which is known when the chunk is over.

It takes chunks of ticks and of bars alike.
"""

from __future__ import annotations

from typing import Any

SIZE = 100


def create_chunk_low_handler(config: Any) -> Any:
    """Return the handler."""

    def handle(security: str, chunk: Any, orderbook: Any, state: dict[str, Any]) -> dict[str, Any]:
        prices = chunk["price"] if "price" in chunk else chunk["close"]
        lowest = prices.idxmin()
        state["position"] = state.get("position", 0) + SIZE
        state.setdefault("trades", []).append(
            {
                "timestamp": chunk["timestamp"][lowest],
                "side": "buy",
                "fill_price": float(prices[lowest]),
                "fill_qty": SIZE,
                "realized_pnl": 0.0,
                "position": state["position"],
                "pnl": 0.0,
            }
        )
        return state

    return handle
