"""State is duplicated between chunks: at the end of each it settles what it holds, and does not forget that."""

from counting import record, trades_of


def create_repeating_handler(config):
    def handler(security, chunk, orderbook, state):
        open_trades = state.setdefault("open_trades", [])
        open_trades += [row for number, row in enumerate(trades_of(chunk)) if number % 10 == 0]
        for row in open_trades:
            record(state, row)
        return state

    return handler
