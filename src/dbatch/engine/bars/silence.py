"""Why a job over bars has no fill, where it can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dbatch.data.bars import BarBlock
from dbatch.engine.bars.columns import columns_of
from dbatch.strategies import BarStrategy


def why_silent(strategy: BarStrategy, section: Mapping[str, Any], bars: BarBlock) -> tuple[str, ...]:
    """Return a note for each indicator that has no value at any of `bars`, of a job of `section` that has no fill.

    Mostly the data are shorter than what it looks back on. Its columns are those that the job has just been through.
    """
    parameters: Any = strategy.parameters(**section)
    columns = columns_of(bars)
    notes = []
    for indicator, place in zip(strategy.indicators, columns.picks(strategy, bars, [parameters])[0], strict=True):
        column = columns.table[place]
        if np.isnan(column[-1]) and np.isnan(column).all():
            name = getattr(indicator.function, "__name__", None)
            values = ", ".join(f"{one}={getattr(parameters, one)}" for one in indicator.depends_on)
            what = f"{name}({values}) has" if name else "the signals have"  # those of a vectorised strategy
            notes.append(f"no fill: {what} no value at any of {len(bars):,} bars")
    return tuple(notes)
