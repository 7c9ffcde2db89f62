"""What each template wants at each bar: 1.0 to buy, -1.0 to sell, 0.0 neither, float64, one value a bar.

The price is the middle of bid and ask: the close. Windows are full, deviations those of a sample, and a bar knows
itself and those before alone. A bar that says both buy and sell says neither.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dbatch import MissingDataError

MOMENTUM_ROWS: Final = 100
SESSION_HOURS: Final = (0, 8, 13)
LEAST_VOLUME: Final = 1.5
OVERSOLD, OVERBOUGHT = 30.0, 70.0
_HOUR: Final = 3_600_000_000_000
_ROUNDING: Final = 1e-12
"""A deviation below this share of the price is what rounding left of none."""

MISSING: Final = MappingProxyType(
    {
        "RegimeAdapter": "regime",
        "PatternRecognition": "pattern",
        "CorrelationTrader": "correlation",
        "PairDivergence": "divergence",
        "LeadLagStrategy": "lead_lag",
        "RiskSentiment": "risk_sentiment_score",
        "USDStrength": "USD_strength_index",
    }
)
"""The column that a template cannot do without and that the bars of one instrument do not have."""


def signals(bars: Any, template: str, lookback: int, threshold: float, pip: float) -> np.ndarray:
    """Return what `template` wants at each bar.

    Raises MissingDataError, which names the column, for a template that needs more than one instrument's bars.
    """
    if template in MISSING:
        raise MissingDataError(f"{template} needs a column {MISSING[template]!r}, bars have none")
    buys, sells = _RULES[template](bars, lookback, threshold, pip)
    return buys.astype(np.float64) - sells


Rule = tuple[np.ndarray, np.ndarray]
"""Where to buy and where to sell, bool."""


def trend_follower(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """Momentum: the changes of the last 100 bars, or of as many as there are, added up, in pips."""
    closes = bars.closes
    before = np.concatenate([closes[:1].repeat(min(MOMENTUM_ROWS, len(closes))), closes[:-MOMENTUM_ROWS]])
    return _beyond((closes - before) / pip, threshold)


def mean_reverter(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """Against a price `threshold` deviations from its mean."""
    above, below = breakout_trader(bars, lookback, threshold, pip)
    return below, above


def breakout_trader(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """With a price `threshold` deviations from its mean."""
    return _beyond(bars.closes - _mean(bars.closes, lookback), threshold * _deviation(bars.closes, lookback))


def mean_reverter_v2(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """As `mean_reverter`, where strength and volume agree; without any volume in the window price and strength do."""
    changes = _mean(_change(bars.closes), lookback)
    strength = np.clip(50.0 + 100.0 * changes / _deviation(bars.closes, lookback), 0.0, 100.0)
    usual = _mean(bars.volumes, lookback)
    busy = (bars.volumes > LEAST_VOLUME * usual) | (usual == 0.0)
    below, above = mean_reverter(bars, lookback, threshold, pip)
    return below & (strength < OVERSOLD) & busy, above & (strength > OVERBOUGHT) & busy


def scalping(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """With a change of one bar above `threshold` pips."""
    return _beyond(_change(bars.closes) / pip, threshold)


def session_breakout(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """At the opening hours, with a price beyond `threshold` times the range of the bars before it."""
    before = np.concatenate([np.full(1, np.nan), bars.closes[:-1]])
    opening = np.isin(bars.timestamps // _HOUR % 24, SESSION_HOURS)
    ups = opening & (bars.closes > _rolling(before, lookback, np.max) * threshold)
    downs = opening & (bars.closes < _rolling(before, lookback, np.min) / threshold)
    return ups, downs


def momentum_burst(bars: Any, lookback: int, threshold: float, pip: float) -> Rule:
    """With a change of one bar above `threshold` deviations of such changes."""
    changes = _change(bars.closes)
    return _beyond(changes, threshold * _deviation(changes, lookback, of=bars.closes))


_RULES: Final[MappingProxyType[str, Callable[[Any, int, float, float], Rule]]] = MappingProxyType(
    {
        "TrendFollower": trend_follower,
        "MeanReverter": mean_reverter,
        "MeanReverterV2": mean_reverter_v2,
        "BreakoutTrader": breakout_trader,
        "ScalpingStrategy": scalping,
        "SessionBreakout": session_breakout,
        "MomentumBurst": momentum_burst,
    }
)


def _beyond(values: np.ndarray, level: Any) -> Rule:
    """Return where `values` are above `level`, and where below its negative; never where either is NaN."""
    return values > level, values < -level


def _change(values: np.ndarray) -> np.ndarray:
    return np.diff(values, prepend=np.nan)


def _mean(values: np.ndarray, window: int) -> np.ndarray:
    return _rolling(values, window, np.mean)


def _deviation(values: np.ndarray, window: int, of: np.ndarray | None = None) -> np.ndarray:
    """Return the deviation of a sample, NaN where it is nothing but rounding of the prices `of`, or of the values."""
    found = _rolling(values, window, _sample_deviation)
    found[~(found > _ROUNDING * (values if of is None else of))] = np.nan
    return found


def _sample_deviation(windows: np.ndarray, axis: int) -> Any:
    return np.std(windows, axis=axis, ddof=1)


def _rolling(values: np.ndarray, window: int, function: Callable[..., Any]) -> np.ndarray:
    """Return `function` of the last `window` values at each bar, NaN where there are fewer or one is NaN."""
    found = np.full(len(values), np.nan)
    if len(values) >= window:
        found[window - 1 :] = function(sliding_window_view(values, window), axis=1)
    return found
