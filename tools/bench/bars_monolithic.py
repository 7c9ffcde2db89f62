"""The yardstick over bars: each strategy as one hand-written loop, indicators and all, its state in local variables.

Written from the rules alone and sharing no code with dbatch. Each function goes through all bars for one set of
parameters and returns the number of trades, the final equity and the deepest fall of the equity, marked at each close,
as a share of its peak; with each trade's P&L in `out`, which is long enough.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, error_model="numpy")
def bigbar(opens, highs, lows, closes, restricted, first, period, k, uptail, previous, buffer, out):
    """BigBar from bar `first` on; `restricted` marks the ends of weeks."""
    alpha = 1.0 / period
    total = atr = 0.0
    cash = peak = 100_000.0
    fall = entry = stop = entry_high = entry_low = 0.0
    units = age = trades = 0
    for i in range(closes.shape[0]):
        opened, high, low, close = opens[i], highs[i], lows[i], closes[i]
        size = high - low
        true_range = size
        if i > 0:
            true_range = max(size, max(abs(high - closes[i - 1]), abs(low - closes[i - 1])))
        if i < period:
            total += true_range
            if i == period - 1:
                atr = total / period
        else:
            atr = (1.0 - alpha) * atr + alpha * true_range
        if i < first:
            continue
        if units != 0:
            leaves = restricted[i]
            if not leaves:
                if age == 0 and units > 0:
                    leaves = close <= opened or high <= entry_high
                    if not leaves:
                        stop = max(stop, low - 0.01 * (entry_high - entry_low))
                elif age == 0:
                    leaves = close >= opened or low >= entry_low
                    if not leaves:
                        stop = min(stop, high + 0.01 * (entry_high - entry_low))
                elif units > 0:
                    stop = max(stop, min(low, lows[i - 1]))
                    leaves = low <= stop
                else:
                    stop = min(stop, max(high, highs[i - 1]))
                    leaves = high >= stop
            age += 1
            equity = cash + units * (close - entry)
            if leaves:
                earned = units * (close - entry)
                cash += earned
                out[trades] = earned
                trades += 1
                units = 0
            if equity > peak:
                peak = equity
            else:
                fall = max(fall, 1.0 - equity / peak)
        elif not restricted[i] and i - first >= period + 5 and atr > 0.0 and size >= k * atr:
            body = abs(close - opened)
            weight = 0.0
            if body != 0.0:
                weight = (closes[i - 3] - opens[i - 3]) + 2.0 * (closes[i - 2] - opens[i - 2])
                weight = (weight + 3.0 * (closes[i - 1] - opens[i - 1])) / body
            if close > opened and weight >= previous and high - close < uptail * size:
                units = max(1, int(cash / close))
                stop = low - buffer * size
            elif close < opened and weight <= -previous and close - low < uptail * size:
                units = -max(1, int(cash / close))
                stop = high + buffer * size
            if units != 0:
                entry, entry_high, entry_low, age = close, high, low, 0
    return trades, cash + (units * (closes[-1] - entry) if units != 0 else 0.0), fall


@njit(nogil=True, error_model="numpy")
def sma_cross(opens, closes, fast, slow, out):
    """SMA cross, long and short, filled at the next open; 95 % of the equity, whole units."""
    cash = peak = 100_000.0
    fall = entry = fast_sum = slow_sum = 0.0
    units = wanted = trades = 0
    side = 0
    waits = False
    for i in range(closes.shape[0]):
        close = closes[i]
        if waits:
            if units != 0:
                earned = units * (opens[i] - entry)
                cash += earned
                out[trades] = earned
                trades += 1
            entry = opens[i]
            units = wanted
            waits = False
        fast_sum += close
        slow_sum += close
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        equity = cash + units * (close - entry)
        if i >= slow - 1 and i >= fast - 1:
            difference = fast_sum / fast - slow_sum / slow
            if (difference > 0.0 and side <= 0) or (difference < 0.0 and side >= 0):
                side = 1 if difference > 0.0 else -1
                wanted = side * int(0.95 * equity / close)
                waits = True
        if equity > peak:
            peak = equity
        else:
            fall = max(fall, 1.0 - equity / peak)
    return trades, cash + units * (closes[-1] - entry), fall


@njit(nogil=True, error_model="numpy")
def sma_long(closes, fast, slow, size, fee):  # type: ignore[no-untyped-def]
    """SMA cross, long only, `size` units filled at this close, `fee` a share of each fill's value.

    Returns trades, the open one among them, total return and deepest fall as shares, and Sharpe of the bars, not scaled
    to years.
    """
    cash = peak = before = 100_000.0
    fall = fast_sum = slow_sum = total = squares = 0.0
    units = trades = 0
    for i in range(closes.shape[0]):
        close = closes[i]
        fast_sum += close
        slow_sum += close
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        if i >= slow - 1 and i >= fast - 1:
            difference = fast_sum / fast - slow_sum / slow
            if difference > 0.0 and units == 0:
                cash -= size * close * (1.0 + fee)
                units = size
                trades += 1
            elif difference < 0.0 and units != 0:
                cash += size * close * (1.0 - fee)
                units = 0
        equity = cash + units * close
        change = equity / before - 1.0
        total += change
        squares += change * change
        before = equity
        if equity > peak:
            peak = equity
        else:
            fall = max(fall, 1.0 - equity / peak)
    mean = total / closes.shape[0]
    spread = (squares / closes.shape[0] - mean * mean) ** 0.5
    return trades, before / 100_000.0 - 1.0, fall, mean / spread if spread > 0.0 else 0.0


def room(bars: int) -> np.ndarray:
    """Return an array for the P&L of as many trades as bars can have."""
    return np.zeros(bars)
