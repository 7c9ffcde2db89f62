"""Slow and obvious: the templates of the pool and its engine, a row at a time, from their rules alone."""

from __future__ import annotations

import math
import statistics
from typing import Any


def window(values: list[float], i: int, length: int) -> list[float] | None:
    """Return the last `length` values at row i, None where there are fewer."""
    return values[i - length + 1 : i + 1] if i >= length - 1 else None


def trend_follower(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    prices = bars.closes.tolist()
    changes = [(prices[j] - prices[j - 1]) / pip for j in range(max(1, i - 99), i + 1)]
    return side(sum(changes), threshold)


def mean_reverter(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    score = z_score(bars.closes.tolist(), i, lookback)
    return -side(score, threshold)


def breakout_trader(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    seen = window(bars.closes.tolist(), i, lookback)
    if seen is None:
        return 0
    mean, deviation = statistics.fmean(seen), statistics.stdev(seen)
    if seen[-1] > mean + threshold * deviation:
        return 1
    return -1 if seen[-1] < mean - threshold * deviation else 0


def mean_reverter_v2(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    prices, volumes = bars.closes.tolist(), bars.volumes.tolist()
    if i < lookback:  # as many changes need one more price
        return 0
    changes = [prices[j] - prices[j - 1] for j in range(i - lookback + 1, i + 1)]
    deviation = statistics.stdev(window(prices, i, lookback))
    strength = min(100.0, max(0.0, 50 + 100 * statistics.fmean(changes) / deviation))
    usual = statistics.fmean(window(volumes, i, lookback))
    if usual > 0 and not volumes[i] > 1.5 * usual:
        return 0
    wanted = -breakout_trader(bars, i, lookback, threshold, pip)
    return wanted if (strength < 30 if wanted > 0 else strength > 70) else 0


def scalping(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    return side((bars.closes[i] - bars.closes[i - 1]) / pip, threshold) if i else 0


def session_breakout(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    hour = int(bars.timestamps[i]) // 3_600_000_000_000 % 24
    if hour not in (0, 8, 13) or i < lookback:
        return 0
    before = bars.closes.tolist()[i - lookback : i]
    up, down = bars.closes[i] > max(before) * threshold, bars.closes[i] < min(before) / threshold
    return int(up) - int(down)


def momentum_burst(bars: Any, i: int, lookback: int, threshold: float, pip: float) -> int:
    if i < lookback:
        return 0
    prices = bars.closes.tolist()
    changes = [prices[j] - prices[j - 1] for j in range(i - lookback + 1, i + 1)]
    return side(changes[-1], threshold * statistics.stdev(changes))


TWINS = {
    "TrendFollower": trend_follower,
    "MeanReverter": mean_reverter,
    "MeanReverterV2": mean_reverter_v2,
    "BreakoutTrader": breakout_trader,
    "ScalpingStrategy": scalping,
    "SessionBreakout": session_breakout,
    "MomentumBurst": momentum_burst,
}


def side(value: float, level: float) -> int:
    return 1 if value > level else -1 if value < -level else 0


def z_score(values: list[float], i: int, length: int) -> float:
    seen = window(values, i, length)
    if seen is None or statistics.stdev(seen) < 1e-9:
        return math.nan
    return (seen[-1] - statistics.fmean(seen)) / statistics.stdev(seen)


def trades(
    prices: list[float], wanted: list[int], stop: int, target: int, spread: float, pip: float
) -> list[tuple[int, int, int, float]]:
    """Return (entry row, exit row, side, pips) of each trade that was closed; prices are the middle, pips booked."""
    done = []
    held, entered, paid = 0, 0, 0.0
    for i, (price, signal) in enumerate(zip(prices, wanted, strict=True)):
        bid, ask = price - spread * pip / 2, price + spread * pip / 2
        if held:
            pips = round((bid - paid) / pip if held > 0 else (paid - ask) / pip, 6)  # quotes lie on a grid
            booked = -stop if pips <= -stop else target if pips >= target else pips if signal == -held else None
            if booked is not None:
                done.append((entered, i, held, booked))
                held = 0
        if not held and signal:
            held, entered, paid = signal, i, ask if signal > 0 else bid
    return done
