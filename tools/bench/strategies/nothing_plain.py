"""A plain handler that does nothing."""


def nothing(security, chunk, orderbook, state):
    """Return the state as it is."""
    return state


def create_nothing_plain_handler(config):
    """Return the handler."""
    return nothing
