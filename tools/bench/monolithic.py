"""The yardstick: each strategy as one hand-written loop, its state in local variables.

Written from the rules alone and sharing no code with dbatch, so it is a second opinion on the fills as well as
on the speed. The steps are numbered as in the market-making plugin's session. Parameters come as scalars: sizes in
shares, `refill` in nanoseconds, values in currency. Each function takes the four columns of events, the sessions that
`sessions_of` finds once for a security, and six output arrays (time, price, signed quantity, realised P&L, position,
running P&L), long enough for every fill, and returns how many fills it wrote.

What the loops have in common stands in each of them: nothing is shared, so that the yardstick has no calls to inline
and each strategy can be read, and timed, by itself.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit

BID, ASK, TRADE = 0, 1, 2
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
OPEN_AT = 36_000 * SECOND
CLOSE_AT = 53_100 * SECOND
FLATTEN_AT = 53_700 * SECOND
OPEN, CLOSING = 1, 3
NEVER = -(2**61)


def sessions_of(times: np.ndarray, prices: np.ndarray, *starts: int) -> np.ndarray:
    """Return rows (first, last, day, phase), found by binary search in each stretch where times rise."""
    turns = np.flatnonzero(times[1:] < times[:-1]) + 1
    found = []
    for begin, end in pairwise([0, *turns.tolist(), len(times)]):
        days = np.arange(times[begin] // DAY, times[end - 1] // DAY + 1)
        bounds = (days[:, None] * DAY + np.array([0, *starts])).ravel()
        cuts = [*(begin + np.searchsorted(times[begin:end], bounds)).tolist(), end]
        for number, (first, last) in enumerate(pairwise(cuts)):
            if (prices[first:last] > 0.0).any():
                day, phase = divmod(number, 1 + len(starts))
                found.append((first, last, days[day], phase))
    return np.array(found, dtype=np.int64).reshape(-1, 4)


@njit(cache=True, nogil=True)
def v1_baseline(
    times, kinds, prices, volumes, sessions, bid_size, ask_size, refill, max_position, max_notional, threshold,
    out_times, out_prices, out_quantities, out_realized, out_positions, out_pnl,
):  # fmt: skip
    """Quotes anew when a side's refill interval has passed since its last placement or fill."""
    bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
    my_bid, bid_ahead, bid_left, bid_live, bid_stamp = 0.0, 0, 0, False, NEVER
    my_ask, ask_ahead, ask_left, ask_live, ask_stamp = 0.0, 0, 0, False, NEVER
    position, entry, pnl = 0, 0.0, 0.0
    last_day, closed_day, closed, pending = NEVER, NEVER, False, False
    written = 0
    for s in range(sessions.shape[0]):
        first, last, day, phase = sessions[s, 0], sessions[s, 1], sessions[s, 2], sessions[s, 3]
        if day != last_day:  # 1
            bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
            last_day = day
        if day != closed_day:  # 3
            closed, pending = False, False
        if phase == CLOSING and not closed:  # 4
            closed, closed_day = True, day
            pending = position != 0
        if phase != OPEN and not pending:  # 6
            continue
        for i in range(np.uint64(first), np.uint64(last)):
            time, price = times[i], prices[i]
            if not price > 0.0:
                continue
            kind, volume = kinds[i], volumes[i]
            sold, bought = 0, 0
            if pending:  # 5
                if kind != TRADE:
                    continue
                pending = False
                sold, bought = max(position, 0), max(-position, 0)
            elif phase != OPEN:
                break
            else:
                if kind == BID:  # 7
                    bid_price, bid_depth = price, volume
                elif kind == ASK:
                    ask_price, ask_depth = price, volume
                bid_due = bid_depth > 0 and time - bid_stamp >= refill  # 8
                ask_due = ask_depth > 0 and time - ask_stamp >= refill
                limit = max_position
                if (bid_due or ask_due) and max_notional < np.inf:
                    mid = bid_price if ask_depth <= 0 else ask_price
                    if bid_depth > 0 and ask_depth > 0:
                        mid = (bid_price + ask_price) / 2.0
                    limit = min(limit, int(max_notional / mid))
                if bid_due:
                    size = max(min(bid_size, limit - position), 0)
                    my_bid, bid_ahead, bid_left = bid_price, bid_depth, size
                    bid_live = bid_price * bid_depth >= threshold and size > 0
                    if bid_live:
                        bid_stamp = time
                if ask_due:
                    size = max(min(ask_size, limit + position), 0)
                    my_ask, ask_ahead, ask_left = ask_price, ask_depth, size
                    ask_live = ask_price * ask_depth >= threshold and size > 0
                    if ask_live:
                        ask_stamp = time
                if kind != TRADE:
                    continue
                if ask_live and price >= my_ask:  # 9
                    sold = min(max(volume - ask_ahead, 0), ask_left)
                    ask_ahead = max(ask_ahead - volume, 0)
                    ask_left -= sold
                    ask_live = sold == 0 or ask_left > 0
                if bid_live and price <= my_bid:
                    bought = min(max(volume - bid_ahead, 0), bid_left)
                    bid_ahead = max(bid_ahead - volume, 0)
                    bid_left -= bought
                    bid_live = bought == 0 or bid_left > 0
            if sold > 0:
                realized, opened = 0.0, sold
                if position > 0:
                    closing = min(position, sold)
                    realized = (price - entry) * closing
                    position -= closing
                    opened = sold - closing
                if opened > 0:
                    held = -position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    position -= opened
                pnl += realized
                ask_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, -sold
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
            if bought > 0:
                realized, opened = 0.0, bought
                if position < 0:
                    closing = min(-position, bought)
                    realized = (entry - price) * closing
                    position += closing
                    opened = bought - closing
                if opened > 0:
                    held = position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    position += opened
                pnl += realized
                bid_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, bought
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
    return written


@njit(cache=True, nogil=True)
def v2_price_follow_qty_cooldown(
    times, kinds, prices, volumes, sessions, bid_size, ask_size, refill, max_position, max_notional, threshold,
    out_times, out_prices, out_quantities, out_realized, out_positions, out_pnl,
):  # fmt: skip
    """Follows the best price on every event; within the interval after a fill only what is left is quoted."""
    bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
    my_bid, bid_ahead, bid_left, bid_live, bid_stamp = np.nan, 0, 0, False, NEVER
    my_ask, ask_ahead, ask_left, ask_live, ask_stamp = np.nan, 0, 0, False, NEVER
    position, entry, pnl = 0, 0.0, 0.0
    last_day, closed_day, closed, pending = NEVER, NEVER, False, False
    written = 0
    for s in range(sessions.shape[0]):
        first, last, day, phase = sessions[s, 0], sessions[s, 1], sessions[s, 2], sessions[s, 3]
        if day != last_day:  # 1
            bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
            last_day = day
        if day != closed_day:  # 3
            closed, pending = False, False
        if phase == CLOSING and not closed:  # 4
            closed, closed_day = True, day
            pending = position != 0
        if phase != OPEN and not pending:  # 6
            continue
        for i in range(np.uint64(first), np.uint64(last)):
            time, price = times[i], prices[i]
            if not price > 0.0:
                continue
            kind, volume = kinds[i], volumes[i]
            sold, bought = 0, 0
            if pending:  # 5
                if kind != TRADE:
                    continue
                pending = False
                sold, bought = max(position, 0), max(-position, 0)
            elif phase != OPEN:
                break
            else:
                if kind == BID:  # 7
                    bid_price, bid_depth = price, volume
                elif kind == ASK:
                    ask_price, ask_depth = price, volume
                if bid_depth > 0:  # 8
                    size = bid_left if time - bid_stamp < refill else bid_size
                    size = max(min(size, max_position - position), 0)
                    bid_live = bid_price * bid_depth >= threshold and size > 0
                    if my_bid != bid_price or not bid_live:
                        my_bid, bid_ahead = bid_price, bid_depth
                    bid_left = size if bid_live else 0
                if ask_depth > 0:
                    size = ask_left if time - ask_stamp < refill else ask_size
                    size = max(min(size, max_position + position), 0)
                    ask_live = ask_price * ask_depth >= threshold and size > 0
                    if my_ask != ask_price or not ask_live:
                        my_ask, ask_ahead = ask_price, ask_depth
                    ask_left = size if ask_live else 0
                if kind != TRADE:
                    continue
                if ask_live and price >= my_ask:  # 9
                    sold = min(max(volume - ask_ahead, 0), ask_left)
                    ask_ahead = max(ask_ahead - volume, 0)
                    ask_left -= sold
                    ask_live = sold == 0 or ask_left > 0
                if bid_live and price <= my_bid:
                    bought = min(max(volume - bid_ahead, 0), bid_left)
                    bid_ahead = max(bid_ahead - volume, 0)
                    bid_left -= bought
                    bid_live = bought == 0 or bid_left > 0
            if sold > 0:
                realized, opened = 0.0, sold
                if position > 0:
                    closing = min(position, sold)
                    realized = (price - entry) * closing
                    position -= closing
                    opened = sold - closing
                if opened > 0:
                    held = -position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    position -= opened
                pnl += realized
                ask_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, -sold
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
            if bought > 0:
                realized, opened = 0.0, bought
                if position < 0:
                    closing = min(-position, bought)
                    realized = (entry - price) * closing
                    position += closing
                    opened = bought - closing
                if opened > 0:
                    held = position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    position += opened
                pnl += realized
                bid_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, bought
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
    return written


@njit(cache=True, nogil=True)
def v2_1_stop_loss(
    times, kinds, prices, volumes, sessions,
    bid_size, ask_size, refill, max_position, max_notional, threshold, stop_pct,
    out_times, out_prices, out_quantities, out_realized, out_positions, out_pnl,
):  # fmt: skip
    """As v2, and a loss beyond `stop_pct` per cent of the cost basis takes the displayed quantity until flat."""
    bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
    my_bid, bid_ahead, bid_left, bid_live, bid_stamp = np.nan, 0, 0, False, NEVER
    my_ask, ask_ahead, ask_left, ask_live, ask_stamp = np.nan, 0, 0, False, NEVER
    position, entry, pnl, cost, stop = 0, 0.0, 0.0, 0.0, 0
    last_day, closed_day, closed, pending = NEVER, NEVER, False, False
    written = 0
    for s in range(sessions.shape[0]):
        first, last, day, phase = sessions[s, 0], sessions[s, 1], sessions[s, 2], sessions[s, 3]
        if day != last_day:  # 1
            bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
            last_day = day
        if day != closed_day:  # 3
            closed, pending = False, False
        if phase == CLOSING and not closed:  # 4
            closed, closed_day = True, day
            pending = position != 0
        if phase != OPEN and not pending:  # 6
            continue
        for i in range(np.uint64(first), np.uint64(last)):
            time, price = times[i], prices[i]
            if not price > 0.0:
                continue
            kind, volume = kinds[i], volumes[i]
            sold, bought = 0, 0
            if pending:  # 5
                if kind != TRADE:
                    continue
                pending = False
                sold, bought = max(position, 0), max(-position, 0)
            elif phase != OPEN:
                break
            else:
                if kind == BID:  # 7
                    bid_price, bid_depth = price, volume
                elif kind == ASK:
                    ask_price, ask_depth = price, volume
                if stop == 0 and position != 0 and bid_depth > 0 and ask_depth > 0 and abs(cost) >= 1e-6:
                    mid = (bid_price + ask_price) / 2.0
                    average = abs(cost) / abs(position)
                    if ((mid - average) * position / abs(cost)) * 100.0 < -stop_pct:
                        stop = -position
                if stop != 0:
                    taken, at = 0, 0.0
                    if stop < 0 and bid_depth > 0:
                        taken, at = -min(-stop, bid_depth), bid_price
                    elif stop > 0 and ask_depth > 0:
                        taken, at = min(stop, ask_depth), ask_price
                    if taken != 0:
                        stop -= taken
                        before, opened, realized = position, taken, 0.0
                        if position > 0 and taken < 0:
                            closing = min(position, -taken)
                            realized = (at - entry) * closing
                            position -= closing
                            opened = taken + closing
                        elif position < 0 and taken > 0:
                            closing = min(-position, taken)
                            realized = (entry - at) * closing
                            position += closing
                            opened = taken - closing
                        if opened != 0:
                            held, added = abs(position), abs(opened)
                            entry = at if held == 0 else (entry * held + at * added) / (held + added)
                            position += opened
                        pnl += realized
                        if position == 0:
                            cost = 0.0
                        elif before == 0 or (before > 0) != (position > 0):
                            cost = at * abs(position)
                        elif abs(position) > abs(before):
                            cost += at * (abs(position) - abs(before))
                        else:
                            cost *= abs(position) / abs(before)
                        if taken > 0:
                            bid_stamp = time
                        else:
                            ask_stamp = time
                        out_times[written], out_prices[written], out_quantities[written] = time, at, taken
                        out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                        written += 1
                    if stop != 0:
                        continue
                if bid_depth > 0:  # 8
                    size = bid_left if time - bid_stamp < refill else bid_size
                    size = max(min(size, max_position - position), 0)
                    bid_live = bid_price * bid_depth >= threshold and size > 0
                    if my_bid != bid_price or not bid_live:
                        my_bid, bid_ahead = bid_price, bid_depth
                    bid_left = size if bid_live else 0
                if ask_depth > 0:
                    size = ask_left if time - ask_stamp < refill else ask_size
                    size = max(min(size, max_position + position), 0)
                    ask_live = ask_price * ask_depth >= threshold and size > 0
                    if my_ask != ask_price or not ask_live:
                        my_ask, ask_ahead = ask_price, ask_depth
                    ask_left = size if ask_live else 0
                if kind != TRADE:
                    continue
                if ask_live and price >= my_ask:  # 9
                    sold = min(max(volume - ask_ahead, 0), ask_left)
                    ask_ahead = max(ask_ahead - volume, 0)
                    ask_left -= sold
                    ask_live = sold == 0 or ask_left > 0
                if bid_live and price <= my_bid:
                    bought = min(max(volume - bid_ahead, 0), bid_left)
                    bid_ahead = max(bid_ahead - volume, 0)
                    bid_left -= bought
                    bid_live = bought == 0 or bid_left > 0
            if sold > 0:
                realized, opened = 0.0, sold
                if position > 0:
                    closing = min(position, sold)
                    realized = (price - entry) * closing
                    cost = 0.0 if closing == position else cost * ((position - closing) / position)
                    position -= closing
                    opened = sold - closing
                if opened > 0:
                    held = -position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    cost += price * opened
                    position -= opened
                pnl += realized
                ask_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, -sold
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
            if bought > 0:
                realized, opened = 0.0, bought
                if position < 0:
                    closing = min(-position, bought)
                    realized = (entry - price) * closing
                    cost = 0.0 if closing == -position else cost * ((-position - closing) / -position)
                    position += closing
                    opened = bought - closing
                if opened > 0:
                    held = position
                    entry = price if held == 0 else (entry * held + price * opened) / (held + opened)
                    cost += price * opened
                    position += opened
                pnl += realized
                bid_stamp = time
                out_times[written], out_prices[written], out_quantities[written] = time, price, bought
                out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
                written += 1
    return written


@njit(cache=True, nogil=True)
def quoter(
    times, kinds, prices, volumes, sessions, size, max_position, min_spread,
    out_times, out_prices, out_quantities, out_realized, out_positions, out_pnl,
):  # fmt: skip
    """What `new-strategy` makes: at the best prices while the spread is wide, first in the queue, flat at the end."""
    bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
    position, entry, pnl, last_day, written = 0, 0.0, 0.0, NEVER, 0
    for s in range(sessions.shape[0]):
        first, last, day, phase = sessions[s, 0], sessions[s, 1], sessions[s, 2], sessions[s, 3]
        if day != last_day:
            bid_price, bid_depth, ask_price, ask_depth = 0.0, 0, 0.0, 0
            last_day = day
        for i in range(np.uint64(first), np.uint64(last)):
            time, price = times[i], prices[i]
            if not price > 0.0:
                continue
            kind, volume = kinds[i], volumes[i]
            if kind == BID:
                bid_price, bid_depth = price, volume
            elif kind == ASK:
                ask_price, ask_depth = price, volume
            if bid_depth <= 0 or ask_depth <= 0:
                continue
            quantity, at = 0, 0.0
            if phase == 1:
                if kind != TRADE or ask_price - bid_price < min_spread * ((bid_price + ask_price) / 2.0):
                    continue
                if price <= bid_price:
                    quantity, at = min(size, volume, max_position - position), bid_price
                elif price >= ask_price:
                    quantity, at = -min(size, volume, max_position + position), ask_price
            elif phase == 2:
                quantity, at = -position, bid_price if position > 0 else ask_price
            if quantity == 0:
                continue
            realized, opened = 0.0, quantity
            if position > 0 and quantity < 0:
                closing = min(position, -quantity)
                realized = (at - entry) * closing
                position -= closing
                opened = quantity + closing
            elif position < 0 and quantity > 0:
                closing = min(-position, quantity)
                realized = (entry - at) * closing
                position += closing
                opened = quantity - closing
            if opened != 0:
                held, added = abs(position), abs(opened)
                entry = at if held == 0 else (entry * held + at * added) / (held + added)
                position += opened
            pnl += realized
            out_times[written], out_prices[written], out_quantities[written] = time, at, quantity
            out_realized[written], out_positions[written], out_pnl[written] = realized, position, pnl
            written += 1
    return written


LOOPS = {
    "v1_baseline": v1_baseline,
    "v2_price_follow_qty_cooldown": v2_price_follow_qty_cooldown,
    "v2_1_stop_loss": v2_1_stop_loss,
    "quoter": quoter,
}
