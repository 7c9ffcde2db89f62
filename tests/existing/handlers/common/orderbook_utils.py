"""Small helpers around the order book that the engine passes in."""


def row_to_update(row):
    return {"type": row.type, "price": row.price, "volume": row.volume, "timestamp": row.timestamp}


def clear_book(orderbook):
    orderbook.bids.clear()
    orderbook.asks.clear()


def get_mid(bid, ask):
    """Mid price, or the one side that is there, or None."""
    if bid is not None and ask is not None:
        return (bid[0] + ask[0]) / 2
    if bid is not None:
        return bid[0]
    return ask[0] if ask is not None else None
