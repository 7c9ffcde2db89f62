"""Trading hours of the exchange."""

from datetime import time

MARKET_OPEN = time(10, 0, 0)
STOP_QUOTING = time(14, 45, 0)  # pre-close auction from here on
EOD_CLOSE = time(14, 55, 0)


def is_quoting_time(t):
    return MARKET_OPEN <= t < STOP_QUOTING


def is_eod(t):
    return t >= EOD_CLOSE
