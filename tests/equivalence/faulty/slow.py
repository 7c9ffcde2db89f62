"""Fine, but slow."""

import time

from counting import record, trades_of


def create_slow_handler(config):
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            time.sleep(0.001)
            state["seen"] = state.get("seen", 0) + 1
            if state["seen"] % 10 == 0:
                record(state, row)
        return state

    return handler
