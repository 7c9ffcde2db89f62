"""Gives other results in a worker process than in the process that was started by hand."""

import multiprocessing

from counting import record, trades_of


def create_homesick_handler(config):
    step = 10 if multiprocessing.parent_process() is None else 11

    def handler(security, chunk, orderbook, state):
        for row in trades_of(chunk):
            state["seen"] = state.get("seen", 0) + 1
            if state["seen"] % step == 0:
                record(state, row)
        return state

    return handler
