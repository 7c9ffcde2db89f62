"""The compiled loops over a job's fills; imported on first use, for it imports numba.

Every number has the same bits on any machine: plain loops in the order of the fills, no fastmath, no operation that
IEEE 754 leaves open. NaN stands for a number that does not exist. They stand in one file, long as it is: what one of
them calls must be beside it, see `compiled`.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from dbatch.metrics.compiled import FLOAT, FLOATS, INTS, ROOM, ROWS, compiled

DAY: Final = 86_400 * 1_000_000_000
NO_DAY: Final = -(1 << 62)

SOUND: Final = 0
UNEQUAL_LENGTHS: Final = 1
FALLING_DAYS: Final = 2
DAY_MISSING: Final = 3
POSITION_WRONG: Final = 4
NOT_FINITE: Final = 5

_ROUNDING: Final = 1e-12
"""A round trip that earned less than this share of the value opened is what rounding left of breaking even."""


class Drawdown(NamedTuple):
    """The deepest fall, the deepest share of peak equity, and three fills of the deepest fall, -1 for none: the first
    below its peak, the deepest one, and the first back at the peak or above."""

    depth: float
    share: float
    start: int
    trough: int
    end: int


class RoundTrips(NamedTuple):
    """Round trips, those that won and lost, gross profit and loss, the sums of P&L and of returns; and the first fill
    whose position does not follow from the one before, -1 for none."""

    closed: int
    winners: int
    losers: int
    profit: float
    loss: float
    total: float
    returns: float
    wrong: int


class Measured(NamedTuple):
    """A fault and the fill or day where it is, or SOUND and the metrics; days since 1970 or NO_DAY."""

    fault: int
    where: int
    round_trips: int
    realized_pnl: float
    total_pnl: float
    max_drawdown: float
    max_drawdown_pct: float
    start_day: int
    trough_day: int
    end_day: int
    drawdown_days: int
    win_rate: float
    round_trip_win_rate: float
    round_trip_return_pct: float
    profit_factor: float
    expectancy: float
    turnover: float
    winning_fills: int
    losing_fills: int
    winning_round_trips: int
    losing_round_trips: int
    gross_profit: float
    gross_loss: float
    fees: float


@compiled()
def _faulty(fault: int, where: int) -> Measured:
    nan = math.nan
    unknown = (nan, nan, nan, nan, nan, nan)
    return Measured(fault, where, 0, nan, nan, nan, nan, NO_DAY, NO_DAY, NO_DAY, 0, *unknown, 0, 0, 0, 0, nan, nan, nan)


@compiled()
def _pnl_by_day(timestamps: Any, realized: Any, days: Any, daily: Any) -> tuple[int, int]:
    """Add `realized` up into `daily` by date; return the fault and where it is. Times may go back."""
    for i in range(days.shape[0]):
        daily[i] = 0.0
        if i > 0 and days[i] <= days[i - 1]:
            return FALLING_DAYS, i
    begin = 0
    end = 0
    here = -1
    total = 0.0
    for i in range(timestamps.shape[0]):
        timestamp = timestamps[i]
        if timestamp < begin or timestamp >= end:
            if here >= 0:
                daily[here] = total
            day = timestamp // DAY
            here = _index_of(day, days)
            if here < 0:
                return DAY_MISSING, i
            total = daily[here]
            begin = day * DAY
            end = begin + DAY
        total += realized[i]
    if here >= 0:
        daily[here] = total
    return SOUND, 0


@compiled()
def _index_of(day: int, days: Any) -> int:
    """Return where `day` stands in the rising `days`, -1 where it does not."""
    low = 0
    high = days.shape[0]
    while low < high:
        middle = (low + high) // 2
        if days[middle] < day:
            low = middle + 1
        else:
            high = middle
    return low if low < days.shape[0] and days[low] == day else -1


@compiled()
def _fill_sums(
    prices: Any, quantities: Any, realized: Any, positions: Any, pnl: Any, fees: Any
) -> tuple[float, int, int, bool]:
    """Return turnover, the number of winning and of deciding fills, and whether all values are finite.

    With `fees` (empty: none are configured) a fill that opens or adds, and realises nothing but its fee, decides
    nothing.

    The turnover is added up together with what each addition lost, so that it is, in practice, the exact sum rounded
    once: the number that `fills.turnover` gives. Source: Ogita, Rump & Oishi (2005), "Accurate Sum and Dot Product",
    SIAM J. on Scientific Computing 26(6), 1955-1988, algorithm Sum2.
    """
    total = 0.0
    lost = 0.0
    winners = 0
    decided = 0
    probe = 0.0
    for i in range(prices.shape[0]):
        value = prices[i] * abs(quantities[i])
        before = total
        total = before + value
        kept = total - before
        lost += (before - (total - kept)) + (value - kept)
        winners += realized[i] > 0.0
        decided += realized[i] != 0.0
        probe += prices[i] * 0.0 + realized[i] * 0.0 + pnl[i] * 0.0  # 0 unless something is not finite
    for i in range(fees.shape[0]):
        before_it = positions[i] - quantities[i]
        opens = before_it == 0 or (before_it > 0) == (quantities[i] > 0)
        decided -= opens and realized[i] == -fees[i] and realized[i] != 0.0
        probe += fees[i] * 0.0
    return total + lost, winners, decided, probe == 0.0


@compiled()
def _drawdown(pnl: Any, capital: float) -> Drawdown:
    """Return the deepest fall of the running P&L, which starts at 0.0."""
    peak = 0.0
    deepest = 0.0
    share = 0.0
    start = -1
    trough = -1
    end = -1
    under = -1  # the first fill below the present peak
    for i in range(pnl.shape[0]):
        if pnl[i] >= peak:
            if under >= 0 and under == start:
                end = i
            under = -1
            peak = pnl[i]
            continue
        if under < 0:
            under = i
        fall = peak - pnl[i]
        if fall > deepest:
            deepest = fall
            start = under
            trough = i
            end = -1
        share = max(share, fall / (capital + peak))
    return Drawdown(deepest, share, start, trough, end)


@compiled()
def _round_trips(prices: Any, quantities: Any, realized: Any, positions: Any) -> RoundTrips:
    """Return what came of all positions that were closed; a fill through zero closes one and opens the next."""
    trips = 0
    winners = 0
    losers = 0
    profit = 0.0
    loss = 0.0
    total = 0.0
    returns = 0.0
    before = 0
    opened = 0.0
    earned = 0.0
    for i in range(prices.shape[0]):
        after = positions[i]
        if before + quantities[i] != after:
            return RoundTrips(trips, winners, losers, profit, loss, total, returns, i)
        earned += realized[i]
        if (before > 0 and after <= 0) or (before < 0 and after >= 0):
            trips += 1
            total += earned
            returns += earned / opened
            if earned > _ROUNDING * opened:
                winners += 1
                profit += earned
            elif earned < -_ROUNDING * opened:
                losers += 1
                loss -= earned
            earned = 0.0
            opened = prices[i] * abs(after)
        elif abs(after) > abs(before):
            opened += prices[i] * abs(quantities[i])
        before = after
    return RoundTrips(trips, winners, losers, profit, loss, total, returns, -1)


@compiled()
def _entry_price(prices: Any, quantities: Any, positions: Any) -> float:
    """Return the average entry price of the position after the last fill, which is not zero: the operations, and so
    the bits, of `sim.position.execute`."""
    first = prices.shape[0] - 1
    while first > 0 and (positions[first] > 0) == (positions[first - 1] > 0) and positions[first - 1] != 0:
        first -= 1
    entry: float = prices[first]
    for i in range(first + 1, prices.shape[0]):
        held = abs(positions[i - 1])
        if abs(positions[i]) > held:
            added = abs(quantities[i])
            entry = (entry * held + prices[i] * added) / (held + added)
    return entry


@compiled()
def _totals(prices: Any, quantities: Any, positions: Any, pnl: Any, last_price: float) -> tuple[float, float]:
    """Return realised P&L, and with it the open position at `last_price`: NaN when that is needed and is NaN."""
    if pnl.shape[0] == 0:
        return 0.0, 0.0
    realized = pnl[-1]
    if positions[-1] == 0:
        return realized, realized
    return realized, realized + positions[-1] * (last_price - _entry_price(prices, quantities, positions))


@compiled(INTS, FLOATS, INTS, FLOATS, INTS, FLOATS, FLOATS, INTS, ROOM, FLOAT, FLOAT)
def measure(
    timestamps: Any,
    prices: Any,
    quantities: Any,
    realized: Any,
    positions: Any,
    pnl: Any,
    fees: Any,
    days: Any,
    daily: Any,
    capital: float,
    last_price: float,
) -> Measured:
    """Return the metrics of fills, and fill `daily` with the P&L of each of `days`; `last_price` may be NaN.

    P&L is after `fees`, a value a fill, empty where none are configured.
    """
    count = timestamps.shape[0]
    if fees.shape[0] != 0 and fees.shape[0] != count:
        return _faulty(UNEQUAL_LENGTHS, 0)
    for column in (prices, realized, pnl):
        if column.shape[0] != count:
            return _faulty(UNEQUAL_LENGTHS, 0)
    if quantities.shape[0] != count or positions.shape[0] != count:
        return _faulty(UNEQUAL_LENGTHS, 0)
    fault, where = _pnl_by_day(timestamps, realized, days, daily)
    if fault != SOUND:
        return _faulty(fault, where)
    turnover, winners, decided, finite = _fill_sums(prices, quantities, realized, positions, pnl, fees)
    if not finite:
        return _faulty(NOT_FINITE, 0)
    paid = 0.0
    for i in range(fees.shape[0]):
        paid += fees[i]
    trips = _round_trips(prices, quantities, realized, positions)
    if trips.wrong >= 0:
        return _faulty(POSITION_WRONG, trips.wrong)
    realized_pnl, total_pnl = _totals(prices, quantities, positions, pnl, last_price)
    fall = _drawdown(pnl, capital)
    start_day = timestamps[fall.start] // DAY if fall.start >= 0 else NO_DAY
    end_day = timestamps[fall.end] // DAY if fall.end >= 0 else NO_DAY
    return Measured(
        SOUND,
        0,
        trips.closed,
        realized_pnl,
        total_pnl,
        fall.depth,
        fall.share * 100.0,
        start_day,
        timestamps[fall.trough] // DAY if fall.start >= 0 else NO_DAY,
        end_day,
        (days[-1] if fall.end < 0 else end_day) - start_day if fall.start >= 0 else 0,
        winners / decided if decided else math.nan,
        trips.winners / (trips.winners + trips.losers) if trips.winners + trips.losers else math.nan,
        trips.returns / trips.closed * 100.0 if trips.closed else math.nan,
        trips.profit / trips.loss if trips.losers else math.nan,
        trips.total / trips.closed if trips.closed else math.nan,
        turnover,
        winners,
        decided - winners,
        trips.winners,
        trips.losers,
        trips.profit,
        trips.loss,
        paid,
    )


ALL: Final = (
    "round_trips",
    "total_pnl",
    "max_drawdown",
    "max_drawdown_pct",
    "max_drawdown_start",
    "max_drawdown_trough",
    "max_drawdown_end",
    "max_drawdown_days",
    "win_rate",
    "round_trip_win_rate",
    "round_trip_return_pct",
    "profit_factor",
    "expectancy",
    "turnover",
    "winning_fills",
    "losing_fills",
    "winning_round_trips",
    "losing_round_trips",
    "gross_profit",
    "gross_loss",
    "fees",
)
"""What `measure_all` writes: the numbers of `Measured` by the names of metrics, days as floats."""


@compiled(INTS, FLOATS, INTS, FLOATS, INTS, FLOATS, FLOATS, INTS, INTS, ROWS, ROWS, FLOAT, FLOAT)
def measure_all(
    timestamps: Any,
    prices: Any,
    quantities: Any,
    realized: Any,
    positions: Any,
    pnl: Any,
    fees: Any,
    ends: Any,
    days: Any,
    daily: Any,
    out: Any,
    capital: float,
    last_price: float,
) -> int:
    """Write into row k of `out` the numbers of `ALL` of job k's fills, into that of `daily` the P&L of each of `days`.

    The numbers are those of `measure`. The fills of job k end at `ends[k]` and begin where those of the job before
    end. Returns the first job whose fills are at fault, -1 for none.
    """
    begin = 0
    for k in range(ends.shape[0]):
        own = slice(begin, ends[k])
        begin = ends[k]
        columns = (timestamps[own], prices[own], quantities[own], realized[own], positions[own], pnl[own])
        found = measure(*columns, fees[own], days, daily[k], capital, last_price)
        if found.fault != SOUND:
            return k
        out[k, 0] = found.round_trips
        out[k, 1] = found.total_pnl
        out[k, 2] = found.max_drawdown
        out[k, 3] = found.max_drawdown_pct
        out[k, 4] = found.start_day
        out[k, 5] = found.trough_day
        out[k, 6] = found.end_day
        out[k, 7] = found.drawdown_days
        out[k, 8] = found.win_rate
        out[k, 9] = found.round_trip_win_rate
        out[k, 10] = found.round_trip_return_pct
        out[k, 11] = found.profit_factor
        out[k, 12] = found.expectancy
        out[k, 13] = found.turnover
        out[k, 14] = found.winning_fills
        out[k, 15] = found.losing_fills
        out[k, 16] = found.winning_round_trips
        out[k, 17] = found.losing_round_trips
        out[k, 18] = found.gross_profit
        out[k, 19] = found.gross_loss
        out[k, 20] = found.fees
    return -1


EACH: Final = (
    "round_trips",
    "realized_pnl",
    "total_pnl",
    "win_rate",
    "round_trip_win_rate",
    "round_trip_return_pct",
    "profit_factor",
    "expectancy",
    "turnover",
    "winning_fills",
    "losing_fills",
    "winning_round_trips",
    "losing_round_trips",
    "gross_profit",
    "gross_loss",
)
"""What `measure_each` writes: the numbers of `Measured` that fills have whatever their days and the capital are."""

COUNTS: Final = ("round_trips", "winning_fills", "losing_fills", "winning_round_trips", "losing_round_trips")


@compiled(FLOATS, INTS, FLOATS, INTS, FLOATS, INTS, FLOAT, ROWS)
def measure_each(
    prices: Any,
    quantities: Any,
    realized: Any,
    positions: Any,
    pnl: Any,
    ends: Any,
    last_price: float,
    out: Any,
) -> int:
    """Write the numbers of `EACH` of each job's fills into its row of `out`, as `measure` gives them; NaN for none.

    The fills of job k end at `ends[k]` and begin where those of the job before end. Returns the first job whose fills
    are at fault, -1 for none.
    """
    begin = 0
    for k in range(ends.shape[0]):
        own = slice(begin, ends[k])
        begin = ends[k]
        turnover, winners, decided, finite = _fill_sums(
            prices[own], quantities[own], realized[own], positions[own], pnl[own], pnl[:0]
        )
        trips = _round_trips(prices[own], quantities[own], realized[own], positions[own])
        if not finite or trips.wrong >= 0:
            return k
        realized_pnl, total_pnl = _totals(prices[own], quantities[own], positions[own], pnl[own], last_price)
        out[k, 0] = trips.closed
        out[k, 1] = realized_pnl
        out[k, 2] = total_pnl
        out[k, 3] = winners / decided if decided else math.nan
        out[k, 4] = trips.winners / (trips.winners + trips.losers) if trips.winners + trips.losers else math.nan
        out[k, 5] = trips.returns / trips.closed * 100.0 if trips.closed else math.nan
        out[k, 6] = trips.profit / trips.loss if trips.losers else math.nan
        out[k, 7] = trips.total / trips.closed if trips.closed else math.nan
        out[k, 8] = turnover
        out[k, 9] = winners
        out[k, 10] = decided - winners
        out[k, 11] = trips.winners
        out[k, 12] = trips.losers
        out[k, 13] = trips.profit
        out[k, 14] = trips.loss
    return -1
