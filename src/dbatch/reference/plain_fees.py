"""Fees of the reference: fill by fill in plain Python, sharing nothing with the engine's but the convention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult
from dbatch.model import FeeRules


def less_fees(result: JobResult, rules: FeeRules | None) -> JobResult:
    """Return `result` with what its fills realised, and the running total, after fees; as it is without rules."""
    if rules is None:
        return result
    fills = result.fills
    rows = zip(
        fills.prices.tolist(), fills.quantities.tolist(), fills.realized.tolist(), fills.pnl.tolist(), strict=True
    )
    fees, realized, totals = list[float](), list[float](), list[float]()
    paid = 0.0
    for price, quantity, earned, total in rows:
        shares = abs(quantity)
        fee = price * shares * (rules.commission_bps / 1e4) + shares * rules.commission_per_share
        fee = max(fee, rules.commission_min) if shares else 0.0
        paid += fee
        fees.append(fee)
        realized.append(earned - fee)
        totals.append(total - paid)
    columns = (np.array(values, np.float64) for values in (realized, totals, fees))
    own_realized, own_totals, own_fees = columns
    net = Fills(fills.timestamps, fills.prices, fills.quantities, own_realized, fills.positions, own_totals, own_fees)
    return replace(result, fills=net, realized_pnl=totals[-1] if totals else result.realized_pnl)
