"""A plain handler as people write them: it sells what has risen from its mean, and buys what has fallen."""

from collections import deque


def create_fading_handler(config):
    """Return the handler; `lookback` prints make the mean, `threshold_pct` is how far from it we trade."""

    def fading(security, chunk, orderbook, state):
        section = config[security]
        threshold = section["threshold_pct"] / 100
        prints = state.setdefault("prints", deque(maxlen=section["lookback"]))
        trades = state.setdefault("trades", [])
        position, cost, pnl = state.get("position", 0), state.get("cost", 0.0), state.get("pnl", 0.0)
        for row in chunk.itertuples(index=False):
            orderbook.apply_update(
                {"timestamp": row.timestamp, "type": row.type, "price": row.price, "volume": row.volume}
            )
            if row.type != "trade":
                continue
            prints.append(row.price)
            mean = sum(prints) / len(prints)
            bid, ask = orderbook.get_best_bid(), orderbook.get_best_ask()
            if len(prints) < prints.maxlen or bid is None or ask is None:
                continue
            if row.price < mean * (1 - threshold) and position <= 0:
                side, price = 1, ask[0]
            elif row.price > mean * (1 + threshold) and position >= 0:
                side, price = -1, bid[0]
            else:
                continue
            shares = 1_000 + abs(position)
            gained = position * (price - cost)
            pnl += gained
            position += side * shares
            cost = price
            trades.append(
                {
                    "timestamp": row.timestamp,
                    "side": "buy" if side > 0 else "sell",
                    "fill_price": price,
                    "fill_qty": shares,
                    "realized_pnl": gained,
                    "position": position,
                    "pnl": pnl,
                }
            )
        state.update(position=position, cost=cost, pnl=pnl)
        return state

    return fading
