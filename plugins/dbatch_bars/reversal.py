"""Strategies that wait for prices to come back: RSI, Bollinger bands, the stochastic oscillator, z-scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from dbatch.strategies import SignalStrategy, execution_of, with_execution
from dbatch_bars import indicators
from dbatch_bars.targets import crosses_above, crosses_below, entered

_ROUNDING = 1e-12
"""A deviation below this share of the mean is what rounding left of none."""


class RsiReversal(NamedTuple):
    """What a user may set besides the execution."""

    period: Annotated[int, Ge(1), "bars", "of the relative strength"] = 14
    low: Annotated[float, Ge(0), Le(100), "0 to 100", "buys below"] = 30.0
    high: Annotated[float, Ge(0), Le(100), "0 to 100", "sells above"] = 70.0


class BollingerReversal(NamedTuple):
    """What a user may set besides the execution."""

    window: Annotated[int, Ge(2), "bars", "of mean and deviation"] = 20
    deviations: Annotated[float, Gt(0), "deviations", "from the mean to the bands"] = 2.0


class Stochastic(NamedTuple):
    """What a user may set besides the execution."""

    window: Annotated[int, Ge(1), "bars", "of the range"] = 14
    smoothing: Annotated[int, Ge(1), "bars", "of the mean that is crossed"] = 3
    low: Annotated[float, Ge(0), Le(100), "0 to 100", "buys below"] = 20.0
    high: Annotated[float, Ge(0), Le(100), "0 to 100", "sells above"] = 80.0


class ZScoreReversal(NamedTuple):
    """What a user may set besides the execution."""

    window: Annotated[int, Ge(2), "bars", "of mean and sample deviation"] = 20
    low: Annotated[float, "deviations", "buys below"] = -2.0
    high: Annotated[float, "deviations", "sells above"] = 2.0


def rsi_reversal(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from an RSI below `low` on, short from one above `high` on."""
    strength = indicators.relative_strength(bars.closes, parameters.period)
    return entered(strength < parameters.low, strength > parameters.high)


def bollinger_reversal(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from a close below the lower band until one at the mean or above; short mirrored."""
    mean = indicators.simple_mean(bars.closes, parameters.window)
    width = parameters.deviations * indicators.deviation(bars.closes, parameters.window)
    width[~(width > _ROUNDING * mean)] = np.nan
    closes = bars.closes
    return entered(closes < mean - width, closes > mean + width, closes >= mean, closes <= mean)


def stochastic(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from where %K crosses its mean upwards below `low`, short where downwards above `high`."""
    fast = indicators.stochastic(bars, parameters.window)
    slow = np.full(len(fast), np.nan)
    first = parameters.window - 1
    slow[first:] = indicators.simple_mean(fast[first:], parameters.smoothing)
    ups, downs = crosses_above(fast - slow, 0.0), crosses_below(fast - slow, 0.0)
    return entered(ups & (fast < parameters.low), downs & (fast > parameters.high))


def zscore_reversal(bars: Any, parameters: Any) -> np.ndarray:
    """Return long from a z-score below `low` until it is 0 or above; short mirrored; none without deviation."""
    mean = indicators.simple_mean(bars.closes, parameters.window)
    spread = indicators.deviation(bars.closes, parameters.window, ddof=1)
    known = spread > _ROUNDING * mean
    score = np.divide(bars.closes - mean, spread, out=np.full(len(mean), np.nan), where=known)
    return entered(score < parameters.low, score > parameters.high, score >= 0.0, score <= 0.0)


Config = Mapping[str, Mapping[str, object]]

_RSI_REVERSAL: Any = with_execution(RsiReversal)
_BOLLINGER_REVERSAL: Any = with_execution(BollingerReversal)
_STOCHASTIC: Any = with_execution(Stochastic)
_ZSCORE_REVERSAL: Any = with_execution(ZScoreReversal)


def create_rsi_reversal_handler(config: Config) -> SignalStrategy:
    """Return the RSI reversal (14, 30/70)."""
    return SignalStrategy(_RSI_REVERSAL, rsi_reversal, execution_of)


def create_bollinger_reversal_handler(config: Config) -> SignalStrategy:
    """Return the Bollinger reversal (20/2)."""
    return SignalStrategy(_BOLLINGER_REVERSAL, bollinger_reversal, execution_of)


def create_stochastic_handler(config: Config) -> SignalStrategy:
    """Return the stochastic reversal (14/3, 20/80)."""
    return SignalStrategy(_STOCHASTIC, stochastic, execution_of)


def create_zscore_reversal_handler(config: Config) -> SignalStrategy:
    """Return the z-score reversal (20, -2/2)."""
    return SignalStrategy(_ZSCORE_REVERSAL, zscore_reversal, execution_of)
