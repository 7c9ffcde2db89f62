"""Slow and obvious: the ordinary strategies as plain loops over a frame, one bar at a time, from their rules alone.

Each takes a frame of bars, and gives the target after each bar. Parameters are the defaults of the strategies, but
where a test says otherwise; what a bar may know is `frame.iloc[: i + 1]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd


def ema(values: pd.Series, period: int) -> pd.Series:
    """Exponential mean, seeded with the mean of the first values."""
    found = [math.nan] * len(values)
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    if len(known) >= period:
        at = known[period - 1]
        found[at] = float(np.mean([values.iloc[i] for i in known[:period]]))
        for i in range(at + 1, len(values)):
            found[i] = found[i - 1] + (values.iloc[i] - found[i - 1]) * 2 / (period + 1)
    return pd.Series(found)


def wilder(values: pd.Series, period: int) -> pd.Series:
    """Wilder's mean, seeded with the mean of the first values."""
    found = [math.nan] * len(values)
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    if len(known) >= period:
        at = known[period - 1]
        found[at] = float(np.mean([values.iloc[i] for i in known[:period]]))
        for i in range(at + 1, len(values)):
            found[i] = (found[i - 1] * (period - 1) + values.iloc[i]) / period
    return pd.Series(found)


def true_range(frame: pd.DataFrame) -> pd.Series:
    """True range; high - low at first."""
    before = frame["close"].shift()
    return pd.concat(
        [frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs()], axis=1
    ).max(axis=1)


def rsi(closes: pd.Series, period: int) -> pd.Series:
    """Wilder's RSI by the ratio of mean rises and falls."""
    change = closes.diff()
    up, down = wilder(change.clip(lower=0), period), wilder((-change).clip(lower=0), period)
    return 100 - 100 / (1 + up / down)


def walk(buy: pd.Series, sell: pd.Series, out_long: pd.Series, out_short: pd.Series) -> Iterator[float]:
    """Positions, one bar after the other."""
    target = 0.0
    for buys, sells, leaves_long, leaves_short in zip(buy, sell, out_long, out_short, strict=True):
        if buys:
            target = 1.0
        elif sells:
            target = -1.0
        elif (target > 0 and leaves_long) or (target < 0 and leaves_short):
            target = 0.0
        yield target


def sma_cross(frame: pd.DataFrame) -> list[float]:
    """SMA 10/30."""
    targets = [0.0]
    for i in range(1, len(frame)):
        closes = frame["close"].iloc[: i + 1]
        fast, slow = closes.iloc[-10:].mean(), closes.iloc[-30:].mean()
        known = len(closes) >= 30
        targets.append(1.0 if known and fast > slow else -1.0 if known and fast < slow else targets[-1])
    return targets


def macd(frame: pd.DataFrame) -> list[float]:
    """MACD 12/26/9."""
    line = ema(frame["close"], 12) - ema(frame["close"], 26)
    signal = ema(line, 9)
    none = pd.Series(False, index=frame.index)
    return list(walk(line > signal, line < signal, none, none))


def rsi_momentum(frame: pd.DataFrame) -> list[float]:
    """RSI 14 across 50, mean of 200."""
    strength, trend = rsi(frame["close"], 14), frame["close"].rolling(200).mean()
    up, down = strength > 50, strength < 50
    return list(walk(up & (frame["close"] > trend), down & (frame["close"] < trend), down, up))


def adx_trend(frame: pd.DataFrame) -> list[float]:
    """ADX 14, in above 25, out below 20."""
    n = 14
    highs, lows, ranges = frame["high"].to_numpy(), frame["low"].to_numpy(), true_range(frame).to_numpy()
    ups, downs = [0.0], [0.0]
    for i in range(1, len(frame)):
        rise, fall = highs[i] - highs[i - 1], lows[i - 1] - lows[i]
        ups.append(rise if rise > fall and rise > 0 else 0.0)
        downs.append(fall if fall > rise and fall > 0 else 0.0)
    up, down, span = sum(ups[1:n]), sum(downs[1:n]), sum(ranges[1:n])
    plus, minus, adx = ([math.nan] * len(frame) for _ in range(3))
    indexes: list[float] = []
    for i in range(n, len(frame)):
        up, down, span = up - up / n + ups[i], down - down / n + downs[i], span - span / n + ranges[i]
        plus[i], minus[i] = 100 * up / span, 100 * down / span
        indexes.append(100 * abs(plus[i] - minus[i]) / (plus[i] + minus[i]))
        if len(indexes) == n:
            adx[i] = sum(indexes) / n
        elif len(indexes) > n:
            adx[i] = (adx[i - 1] * (n - 1) + indexes[-1]) / n
    frame = frame.assign(plus=plus, minus=minus, adx=adx)
    strong, weak = frame["adx"] > 25, frame["adx"] < 20
    return list(walk(strong & (frame["plus"] > frame["minus"]), strong & (frame["minus"] > frame["plus"]), weak, weak))


def channel_before(frame: pd.DataFrame, window: int) -> tuple[pd.Series, pd.Series]:
    """Highest high and lowest low of the bars before each."""
    tops, bottoms = [math.nan] * len(frame), [math.nan] * len(frame)
    for i in range(window, len(frame)):
        tops[i] = max(frame["high"].iloc[i - window : i])
        bottoms[i] = min(frame["low"].iloc[i - window : i])
    return pd.Series(tops), pd.Series(bottoms)


def atr_breakout(frame: pd.DataFrame, multiple: float = 2.0) -> list[float]:
    """Close beyond the 20-bar channel by a multiple of ATR 14."""
    top, bottom = channel_before(frame, 20)
    step, close = multiple * wilder(true_range(frame), 14), frame["close"]
    return list(walk(close > top + step, close < bottom - step, close < bottom, close > top))


def donchian(frame: pd.DataFrame) -> list[float]:
    """Close beyond the 20-bar channel."""
    top, bottom = channel_before(frame, 20)
    none = pd.Series(False, index=frame.index)
    return list(walk(frame["close"] > top, frame["close"] < bottom, none, none))


def keltner(frame: pd.DataFrame) -> list[float]:
    """EMA 20 and 2 ATR 10 of the bar before."""
    middle, width = ema(frame["close"], 20).shift(), 2 * wilder(true_range(frame), 10).shift()
    close = frame["close"]
    return list(walk(close > middle + width, close < middle - width, close < middle, close > middle))


def dual_momentum(frame: pd.DataFrame) -> list[float]:
    """Return of 252 bars above 0 and close above the mean of 200."""
    close = frame["close"]
    held = (close / close.shift(252) - 1 > 0) & (close > close.rolling(200).mean())
    return held.astype(float).tolist()


def rsi_reversal(frame: pd.DataFrame) -> list[float]:
    """RSI 14, 30/70."""
    strength = rsi(frame["close"], 14)
    none = pd.Series(False, index=frame.index)
    return list(walk(strength < 30, strength > 70, none, none))


def bollinger_reversal(frame: pd.DataFrame) -> list[float]:
    """20/2, population deviation."""
    close = frame["close"]
    mean, width = close.rolling(20).mean(), 2 * close.rolling(20).std(ddof=0)
    return list(walk(close < mean - width, close > mean + width, close >= mean, close <= mean))


def stochastic(frame: pd.DataFrame) -> list[float]:
    """14/3, 20/80."""
    top, bottom = frame["high"].rolling(14).max(), frame["low"].rolling(14).min()
    fast = 100 * (frame["close"] - bottom) / (top - bottom)
    slow = fast.rolling(3).mean()
    above, below = fast > slow, fast < slow
    was_not_above, was_not_below = (fast <= slow).shift(fill_value=False), (fast >= slow).shift(fill_value=False)
    none = pd.Series(False, index=frame.index)
    return list(walk(above & was_not_above & (fast < 20), below & was_not_below & (fast > 80), none, none))


def zscore_reversal(frame: pd.DataFrame) -> list[float]:
    """20, -2/2, sample deviation."""
    close = frame["close"]
    score = (close - close.rolling(20).mean()) / close.rolling(20).std()
    return list(walk(score < -2, score > 2, score >= 0, score <= 0))


def trades_at_next_open(
    frame: pd.DataFrame, targets: list[float], long_only: bool = False
) -> list[tuple[int, int, float]]:
    """Return (bar, signed units, price) of each fill of 95 % of 100,000 at the opens after changed targets."""
    cash, held, entry, fills = 100_000.0, 0, 0.0, []
    last = reached = 0.0
    for i in range(len(frame) - 1):
        if targets[i] == last:
            continue
        last = targets[i]
        wanted = max(last, 0.0) if long_only else last
        if wanted == reached:
            continue
        reached = wanted
        close, price = frame["close"].iloc[i], frame["open"].iloc[i + 1]
        units = int(wanted * int(0.95 * (cash + held * (close - entry)) / close))
        if units != held:
            fills.append((i + 1, units - held, price))
            cash += held * (price - entry)
            held, entry = units, price
    return fills


TWINS: dict[str, Callable[[pd.DataFrame], list[float]]] = {
    each.__name__: each
    for each in (
        sma_cross,
        macd,
        rsi_momentum,
        adx_trend,
        atr_breakout,
        donchian,
        keltner,
        dual_momentum,
        rsi_reversal,
        bollinger_reversal,
        stochastic,
        zscore_reversal,
    )
}
