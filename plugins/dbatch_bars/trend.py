"""Strategies that go with the trend: MACD, RSI momentum, ADX, breakouts of channels, dual momentum.

Channels are those of the bars before: a close cannot be above a high that it is part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from dbatch.strategies import SignalStrategy, execution_of, with_execution
from dbatch_bars import indicators
from dbatch_bars.targets import entered, side_of


class Macd(NamedTuple):
    """What a user may set besides the execution."""

    fast: Annotated[int, Ge(1), "bars", "of the fast exponential mean"] = 12
    slow: Annotated[int, Ge(1), "bars", "of the slow exponential mean"] = 26
    signal: Annotated[int, Ge(1), "bars", "of the exponential mean of their difference"] = 9


class RsiMomentum(NamedTuple):
    """What a user may set besides the execution."""

    period: Annotated[int, Ge(1), "bars", "of the relative strength"] = 14
    middle: Annotated[float, Ge(0), Le(100), "0 to 100", "buys above, sells below"] = 50.0
    trend: Annotated[int, Ge(1), "bars", "of the mean that filters: longs above, shorts below it"] = 200


class AdxTrend(NamedTuple):
    """What a user may set besides the execution."""

    period: Annotated[int, Ge(1), "bars", "of the directional movement"] = 14
    enter: Annotated[float, Ge(0), Le(100), "0 to 100", "enters with the trend above"] = 25.0
    leave: Annotated[float, Ge(0), Le(100), "0 to 100", "leaves below"] = 20.0


class AtrBreakout(NamedTuple):
    """What a user may set besides the execution."""

    period: Annotated[int, Ge(1), "bars", "of the average true range"] = 14
    window: Annotated[int, Ge(1), "bars", "of the channel before each bar"] = 20
    multiple: Annotated[float, Ge(0), "true ranges", "how far beyond the channel a close enters"] = 2.0


class Donchian(NamedTuple):
    """What a user may set besides the execution."""

    window: Annotated[int, Ge(1), "bars", "of the channel before each bar"] = 20


class Keltner(NamedTuple):
    """What a user may set besides the execution."""

    window: Annotated[int, Ge(1), "bars", "of the exponential mean in the middle"] = 20
    period: Annotated[int, Ge(1), "bars", "of the average true range"] = 10
    multiple: Annotated[float, Gt(0), "true ranges", "from the middle to the bands"] = 2.0


class DualMomentum(NamedTuple):
    """What a user may set besides the execution."""

    lookback: Annotated[int, Ge(1), "bars", "of the return"] = 252
    trend: Annotated[int, Ge(1), "bars", "of the mean that the close must be above"] = 200
    benchmark_return_pct: Annotated[float, "%", "the return over the lookback that it must beat"] = 0.0


def macd(bars: Any, parameters: Any) -> np.ndarray:
    """Return long while the MACD line is above its signal line, short while below."""
    fast, slow = (indicators.exponential_mean(bars.closes, n) for n in (parameters.fast, parameters.slow))
    line = fast - slow
    first = max(parameters.fast, parameters.slow) - 1
    signal = np.full(len(line), np.nan)
    signal[first:] = indicators.exponential_mean(line[first:], parameters.signal)
    return side_of(line - signal)


def rsi_momentum(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from an RSI above the middle, the close above the mean, until it is below; short mirrored."""
    strength = indicators.relative_strength(bars.closes, parameters.period)
    trend = indicators.simple_mean(bars.closes, parameters.trend)
    above, below = strength > parameters.middle, strength < parameters.middle
    return entered(above & (bars.closes > trend), below & (bars.closes < trend), below, above)


def adx_trend(bars: Any, parameters: Any) -> np.ndarray:
    """Return the side of the larger directional index from an ADX above `enter` on, until it is below `leave`."""
    plus, minus, adx = indicators.directional_movement(bars, parameters.period)
    strong, weak = adx > parameters.enter, adx < parameters.leave
    return entered(strong & (plus > minus), strong & (minus > plus), weak, weak)


def atr_breakout(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from a close above the channel by a multiple of the true range, until one below the channel."""
    high = indicators.highest_before(bars.highs, parameters.window)
    low = indicators.lowest_before(bars.lows, parameters.window)
    step = parameters.multiple * indicators.average_true_range(bars, parameters.period)
    closes = bars.closes
    return entered(closes > high + step, closes < low - step, closes < low, closes > high)


def donchian(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from a close above the highest high before, short from one below the lowest low before."""
    high = indicators.highest_before(bars.highs, parameters.window)
    low = indicators.lowest_before(bars.lows, parameters.window)
    return entered(bars.closes > high, bars.closes < low)


def keltner(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from a close above the band of the bar before, until one below its middle; short mirrored."""
    middle = _before(indicators.exponential_mean(bars.closes, parameters.window))
    width = parameters.multiple * _before(indicators.average_true_range(bars, parameters.period))
    closes = bars.closes
    return entered(closes > middle + width, closes < middle - width, closes < middle, closes > middle)


def dual_momentum(bars: Any, parameters: Any) -> np.ndarray:
    """Return long while the return beats the benchmark's and the close is above its mean, else none."""
    before = np.full(len(bars.closes), np.nan)
    before[parameters.lookback :] = bars.closes[: -parameters.lookback]
    gained = bars.closes / before - 1.0 > parameters.benchmark_return_pct / 100.0
    trend = indicators.simple_mean(bars.closes, parameters.trend)
    return np.where(gained & (bars.closes > trend), 1.0, 0.0)


def _before(values: np.ndarray) -> np.ndarray:
    """Return the value of the bar before each, NaN for the first."""
    return np.concatenate([[np.nan], values[:-1]])


Config = Mapping[str, Mapping[str, object]]

_MACD: Any = with_execution(Macd)
_RSI_MOMENTUM: Any = with_execution(RsiMomentum)
_ADX_TREND: Any = with_execution(AdxTrend)
_ATR_BREAKOUT: Any = with_execution(AtrBreakout)
_DONCHIAN: Any = with_execution(Donchian)
_KELTNER: Any = with_execution(Keltner)
_DUAL_MOMENTUM: Any = with_execution(DualMomentum, direction="long")


def create_macd_handler(config: Config) -> SignalStrategy:
    """Return MACD (12/26/9)."""
    return SignalStrategy(_MACD, macd, execution_of)


def create_rsi_momentum_handler(config: Config) -> SignalStrategy:
    """Return RSI momentum (14 across 50, mean of 200)."""
    return SignalStrategy(_RSI_MOMENTUM, rsi_momentum, execution_of)


def create_adx_trend_handler(config: Config) -> SignalStrategy:
    """Return the ADX trend (14, in above 25, out below 20)."""
    return SignalStrategy(_ADX_TREND, adx_trend, execution_of)


def create_atr_breakout_handler(config: Config) -> SignalStrategy:
    """Return the ATR breakout (14/20, 2 true ranges)."""
    return SignalStrategy(_ATR_BREAKOUT, atr_breakout, execution_of)


def create_donchian_handler(config: Config) -> SignalStrategy:
    """Return the Donchian channel (20)."""
    return SignalStrategy(_DONCHIAN, donchian, execution_of)


def create_keltner_handler(config: Config) -> SignalStrategy:
    """Return the Keltner channel (20, 2 true ranges of 10)."""
    return SignalStrategy(_KELTNER, keltner, execution_of)


def create_dual_momentum_handler(config: Config) -> SignalStrategy:
    """Return dual momentum (252/200), the benchmark given by its return."""
    return SignalStrategy(_DUAL_MOMENTUM, dual_momentum, execution_of)
