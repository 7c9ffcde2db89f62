"""State leaks between securities: it counts in a global of its module."""

from counting import record, trades_of

SEEN = {"trades": 0}


def create_leaking_handler(config):
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            SEEN["trades"] += 1
            if SEEN["trades"] % 10 == 0:
                record(state, row)
        return state

    return handler
