"""What a job earned after fees."""

from __future__ import annotations

from typing import Any

import numpy as np

from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult
from dbatch.model import FeeRules


def after_fees(result: JobResult, rules: FeeRules | None) -> JobResult:
    """Return `result` with the fee of each fill taken off what it realised, and all fees so far off the running total.

    Without rules it is `result` itself. The fills then say what was paid for each.
    """
    if rules is None:
        return result
    from dbatch.metrics import fill_passes

    charge: Any = fill_passes.charge
    fills = result.fills
    fees, realized, pnl = np.empty((3, len(fills)))
    given = map(np.ascontiguousarray, (fills.prices, fills.quantities, fills.realized, fills.pnl))
    rates = (rules.commission_bps / 1e4, float(rules.commission_per_share), float(rules.commission_min))
    charge(*given, *rates, fees, realized, pnl)
    net = Fills(fills.timestamps, fills.prices, fills.quantities, realized, fills.positions, pnl, fees)
    total = float(pnl[-1]) if len(pnl) else result.realized_pnl
    return JobResult(**{**vars(result), "fills": net, "realized_pnl": total})  # dataclasses.replace takes twice as long
