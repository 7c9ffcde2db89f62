"""Not deterministic: it draws random numbers without a seed."""

import random

from counting import record, trades_of


def create_unsteady_handler(config):
    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            if random.random() < 0.1:
                record(state, row)
        return state

    return handler
