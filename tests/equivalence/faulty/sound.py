"""Sound: at every tenth trade it buys 60 and 40 shares or, when it holds them, sells them in the same two steps."""

from counting import trades_of


def create_sound_handler(config):
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            state["seen"] = state.get("seen", 0) + 1
            if state["seen"] % 10 == 0:
                trade(state, row)
        return state

    return handler


def trade(state, row):
    trades = state.setdefault("trades", [])
    selling = state.get("position", 0) > 0
    if not selling:
        state["entry"] = row.price
    for shares in (60, 40):
        state["position"] = state.get("position", 0) + (-shares if selling else shares)
        realized = shares * (row.price - state["entry"])
        state["pnl"] = state.get("pnl", 0.0) + realized
        trades.append(
            {"timestamp": row.timestamp, "side": "sell" if selling else "buy", "fill_price": row.price,
             "fill_qty": shares, "realized_pnl": realized, "position": state["position"], "pnl": state["pnl"]}
        )  # fmt: skip
