"""Handler of the baseline market maker."""

try:
    from .strategy import V1Baseline
except ImportError:  # started as a script from this folder
    from strategy import V1Baseline


def create_v1_handler(config=None):
    """One strategy object for all securities; the engine's state only gets the results."""
    strategy = V1Baseline(config)

    def handler(security, chunk, orderbook, state):
        return strategy.process_chunk(security, chunk, orderbook, state)

    return handler
