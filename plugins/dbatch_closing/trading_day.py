"""The times of the trading day."""

from __future__ import annotations

from typing import Final

from dbatch.sim import SessionWindows, time_of_day

SESSION: Final = SessionWindows.of("10:00", "10:10", "14:44", "14:45", "14:55")

CONTINUOUS: Final = 1
"""From here to `CALL`, 10:00 to 14:45, trades count for the trend and fill exits."""

STOPPABLE: Final = 2
"""10:10 to 14:44: losses are looked at."""

CALL: Final = 4
"""14:45 to 14:55: the first event places the orders for the auction."""

AUCTION: Final = 5
"""From 14:55 on, without an end: the first trade is the closing price, all trades are the auction's volume."""

CONTINUOUS_BEGINS: Final = time_of_day("10:00")
CALL_BEGINS: Final = time_of_day("14:45")
