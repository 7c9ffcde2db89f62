"""FAULTY, a signal strategy: wants to be long at a close when the next one is higher."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dbatch.strategies import SignalStrategy, execution_of, with_execution


class Own(NamedTuple):
    """Nothing besides the execution."""


def signals(bars: Any, parameters: Any) -> np.ndarray:
    """Return 1.0 before a rise, -1.0 before a fall."""
    rise: np.ndarray = np.sign(np.diff(bars.closes, append=bars.closes[-1:]))
    return rise


def create_next_close_handler(config: Any) -> SignalStrategy:
    """Return the strategy."""
    return SignalStrategy(with_execution(Own), signals, execution_of)
