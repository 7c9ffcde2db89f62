"""A plain handler that does nothing, and keeps a megabyte of every run for ever."""

_KEPT = []


def keep_a_megabyte(security, chunk, orderbook, state):
    """Return the state as it is."""
    _KEPT.append(b"\1" * (1 << 20))
    return state


def create_leaking_handler(config):
    """Return the handler."""
    return keep_a_megabyte
