"""State is lost between chunks: its count starts anew at every call."""

from counting import record, trades_of


def create_forgetful_handler(config):
    def handler(security, chunk, orderbook, state):
        for number, row in enumerate(trades_of(chunk), start=1):
            if number % 10 == 0:
                record(state, row)
        return state

    return handler
