"""Market-making handlers for the tick backtests."""
