"""Slow and obvious: the strategies over bars as plain loops, from their rules alone, sharing nothing with dbatch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def frame_of(bars: Any) -> pd.DataFrame:
    """Return bars as a frame."""
    names = ("time", "open", "high", "low", "close", "volume")
    return pd.DataFrame(dict(zip(names, bars, strict=True)))


def wilder_atr(frame: pd.DataFrame, period: int) -> list[float]:
    """The average true range, bar by bar."""
    ranges: list[float] = []
    means: list[float] = []
    for i, bar in enumerate(frame.itertuples()):
        size = bar.high - bar.low
        if i:
            before = frame["close"].iloc[i - 1]
            size = max(size, abs(bar.high - before), abs(bar.low - before))
        ranges.append(size)
        if i < period - 1:
            means.append(float("nan"))
        elif i == period - 1:
            means.append(sum(ranges) / period)
        else:
            means.append(means[-1] + (size - means[-1]) / period)
    return means


def bigbar_trades(
    bars: Any, atr_period: int = 20, k: int = 20, uptail: int = 7, previous: int = 1, buffer: int = 1
) -> tuple[list[tuple[Any, ...]], list[float]]:
    """Return trades as (size, entry bar, exit bar, entry price, exit price, P&L), and the equity at each bar."""
    frame = frame_of(bars)
    frame["atr"] = wilder_atr(frame, atr_period)
    times = pd.DatetimeIndex(pd.to_datetime(frame["time"]))
    iso = times.isocalendar()
    frame["restricted"] = False
    for _, week in frame.groupby([iso["year"].to_numpy(), iso["week"].to_numpy()]):
        frame.loc[[*week.index[:6], *week.index[-6:]], "restricted"] = True
    rows = list(frame.iloc[99:].itertuples())
    cash, units, trades, equity = 100_000.0, 0, [], []
    entry: Any = None
    entry_at, stop = 0, 0.0
    for i, bar in enumerate(rows):
        size = bar.high - bar.low
        if units:
            sign = 1 if units > 0 else -1
            far, near, entry_far = (bar.high, bar.low, entry.high) if sign > 0 else (bar.low, bar.high, entry.low)
            if bar.restricted:
                leave = True
            elif i == entry_at + 1:
                leave = (bar.close - bar.open) * sign <= 0 or (far - entry_far) * sign <= 0
                step = 0.01 * (entry.high - entry.low)
                if not leave:
                    stop = max(stop, near - step) if sign > 0 else min(stop, near + step)
            else:
                last = rows[i - 1]
                stop = max(stop, min(bar.low, last.low)) if sign > 0 else min(stop, max(bar.high, last.high))
                leave = bar.low <= stop if sign > 0 else bar.high >= stop
            if leave:
                earned = units * (bar.close - entry.close)
                cash += earned
                trades.append((units, entry_at, i, entry.close, bar.close, earned))
                units = 0
        elif not bar.restricted and i >= atr_period + 5 and bar.atr > 0 and size >= k / 10 * bar.atr:
            body = abs(bar.close - bar.open)
            moves = [rows[i - n].close - rows[i - n].open for n in (3, 2, 1)]
            weight = (moves[0] + 2 * moves[1] + 3 * moves[2]) / body if body else 0.0
            count = max(1, int(cash / bar.close))
            if bar.close > bar.open and weight >= previous / 10 and bar.high - bar.close < uptail / 10 * size:
                units, stop = count, bar.low - buffer / 100 * size
            elif bar.close < bar.open and weight <= -previous / 10 and bar.close - bar.low < uptail / 10 * size:
                units, stop = -count, bar.high + buffer / 100 * size
            if units:
                entry, entry_at = bar, i
        equity.append(cash + (units * (bar.close - entry.close) if units else 0.0))
    return trades, np.array(equity).tolist()
