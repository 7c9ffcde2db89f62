"""The compiled loops over fills that ask for no metric: their dates, their fees; imported on first use, as `passes`."""

from __future__ import annotations

from typing import Any, Final

from dbatch.metrics.compiled import FLOAT, FLOATS, INTS, NUMBERS, ROOM, compiled

DAY: Final = 86_400 * 1_000_000_000
_BEFORE_ALL: Final = -(1 << 62)


@compiled(FLOATS, INTS, FLOATS, FLOATS, FLOAT, FLOAT, FLOAT, ROOM, ROOM, ROOM)
def charge(
    prices: Any,
    quantities: Any,
    realized: Any,
    pnl: Any,
    rate: float,
    per_share: float,
    least: float,
    fees: Any,
    net_realized: Any,
    net_pnl: Any,
) -> None:
    """Fill `fees`, and what fills realised and the running total after them.

    A fee is `rate` of the value and `per_share` of each share, together `least` at least: the operations, and so the
    bits, of `breakdown.fees`.
    """
    paid = 0.0
    for i in range(prices.shape[0]):
        shares = abs(quantities[i])
        fee = prices[i] * shares * rate + shares * per_share
        fee = max(fee, least) if shares > 0 else 0.0
        paid += fee
        fees[i] = fee
        net_realized[i] = realized[i] - fee
        net_pnl[i] = pnl[i] - paid


@compiled(INTS, INTS, NUMBERS)
def count_dates(timestamps: Any, ends: Any, out: Any) -> None:
    """Write into `out` on how many dates each job has a fill; -1 for one whose times go back over midnight.

    The fills of job k end at `ends[k]` and begin where those of the job before end.
    """
    begin = 0
    for k in range(ends.shape[0]):
        count = 0
        day = _BEFORE_ALL
        for i in range(begin, ends[k]):
            if timestamps[i] // DAY < day:
                count = -1
                break
            if timestamps[i] // DAY > day:
                day = timestamps[i] // DAY
                count += 1
        out[k] = count
        begin = ends[k]
