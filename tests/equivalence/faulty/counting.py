"""What the strategies here share: a fill at every tenth trade; sound by itself."""

from __future__ import annotations


def record(state: dict, row: object, quantity: int = 1) -> None:
    """Add a purchase of `quantity` shares at the event `row` to the state."""
    trades = state.setdefault("trades", [])
    position = state.get("position", 0) + quantity
    state["position"] = position
    trades.append(
        {"timestamp": row.timestamp, "side": "buy", "fill_price": row.price, "fill_qty": quantity,
         "realized_pnl": 0.0, "position": position, "pnl": 0.0}
    )  # fmt: skip


def trades_of(chunk: object) -> list:
    """Return the rows of `chunk` that are trades."""
    return [row for row in chunk.itertuples(index=False) if row.type == "trade"]
