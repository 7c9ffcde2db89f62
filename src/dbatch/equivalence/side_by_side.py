"""Two strategies over the same securities: what each made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dbatch.equivalence.results import ResultSet, SecurityResult, load_fills, paired
from dbatch.errors import DataError
from dbatch.metrics.fills import max_drawdown, win_rate

_COLUMNS = {"timestamp": pa.int64(), "realized_pnl": pa.float64()}


@dataclass(frozen=True)
class Performance:
    """Fills, realised P&L and its deepest fall in currency, and the share of winning fills (None: none decided)."""

    trades: int
    realized_pnl: float
    win_rate: float | None
    max_drawdown: float


@dataclass(frozen=True)
class SideBySide:
    """One security, or all of them, on both sides; None where a side has no result that can be read."""

    security: str
    left: Performance | None
    right: Performance | None


def side_by_side(left: ResultSet, right: ResultSet) -> list[SideBySide]:
    """Return a line per security of either side, then the totals, called "total".

    Totals are of the securities that both sides have results for, so that like is compared with like; their
    drawdown is that of all fills together, in order of time.
    """
    lines, pairs = [], []
    for name, *sides in paired(left, right):
        fills = [_fills(side) for side in sides]
        lines.append(SideBySide(name, *(None if side is None else _performance([side]) for side in fills)))
        if fills[0] is not None and fills[1] is not None:
            pairs.append((fills[0], fills[1]))
    total = SideBySide("total", _performance([pair[0] for pair in pairs]), _performance([pair[1] for pair in pairs]))
    return [*lines, total]


def _fills(result: SecurityResult | None) -> pa.Table | None:
    """Return times and realised P&L of the fills, as int64 and float64."""
    if result is None or result.status != "success":
        return None
    try:
        fills = load_fills(result)
        return fills.select(list(_COLUMNS)).cast(pa.schema(_COLUMNS))
    except (DataError, KeyError, pa.ArrowException):  # the comparison says so
        return None


def _performance(fills: Sequence[pa.Table]) -> Performance:
    times = np.concatenate([np.empty(0, np.int64), *(table.column("timestamp").to_numpy() for table in fills)])
    realized = np.concatenate([np.empty(0), *(table.column("realized_pnl").to_numpy() for table in fills)])
    in_time = realized[np.argsort(times, kind="stable")] if len(fills) > 1 else realized
    return Performance(
        trades=len(realized),
        realized_pnl=math.fsum(realized.tolist()),
        win_rate=win_rate(realized),
        max_drawdown=max_drawdown(np.cumsum(in_time)),
    )
