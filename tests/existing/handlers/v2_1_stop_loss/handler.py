"""Handler of the price follower with a stop-loss."""

from .strategy import V21StopLoss


class StopLossHandler:
    """A strategy object per security, called like a function."""

    def __init__(self, config):
        self.config = config
        self.strategies = {}

    def __call__(self, security, chunk, orderbook, state):
        strategy = self.strategies.get(security)
        if strategy is None:
            strategy = self.strategies[security] = V21StopLoss(self.config)
        return strategy.process_chunk(security, chunk, orderbook, state)


def create_handler(config):
    return StopLossHandler(config)
