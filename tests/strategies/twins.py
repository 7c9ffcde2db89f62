"""Slow twins of the built-in market makers: their rules as one reads them aloud, one event after the other.

Evidence, not product: written from the rules alone, in plain Python on dicts, to be checked by eye. Each is a
classic handler, so that the engine runs it and the compiled strategy over the same events. Times are those of
the exchange, sizes shares, money the security's currency.
"""

from __future__ import annotations

from datetime import time

OPEN = time(10, 0)
STOP_QUOTING = time(14, 45)
START_QUOTING_V3 = time(10, 5)
END_OF_DAY = time(14, 55)

DEFAULTS = {
    "quote_size": 50_000,
    "refill_interval_sec": 60,
    "max_position": 2_000_000,
    "min_local_currency_before_quote": 25_000,
    "stop_loss_threshold_pct": 2.0,
}


def create_v1_baseline_handler(config):
    return _handler(config, quote=_quote_v1, has_stop=False)


def create_v2_price_follow_qty_cooldown_handler(config):
    return _handler(config, quote=_quote_v2, has_stop=False)


def create_v2_1_stop_loss_handler(config):
    return _handler(config, quote=_quote_v2, has_stop=True)


def create_v3_liquidity_monitor_handler(config):
    return _handler(config, quote=_quote_v3, has_stop=False)


def _handler(config, quote, has_stop):
    def handler(security, chunk, orderbook, state):
        rules = {**DEFAULTS, **config.get(security, {})}
        for side, key in (("buy", "quote_size_bid"), ("sell", "quote_size_ask")):
            rules[side] = rules["quote_size"] if rules.get(key) is None else rules[key]
        rules.update(quote=quote, has_stop=has_stop)
        state = state or {"desk": _new_desk()}
        desk = state["desk"]
        for row in chunk.itertuples(index=False):
            _on_event(rules, orderbook, desk, row._asdict())

        # At the end of each chunk the desk's results are copied to the classic keys.
        for key in ("position", "pnl", "trades", "market_dates"):
            state[key] = desk[key]
        state["strategy_dates"] = {trade["timestamp"].date() for trade in desk["trades"]}
        return state

    return handler


def _new_desk():
    return {
        "date": None,  # of the previous event
        "last_flatten_date": None,
        "closed_at_eod": False,
        "flatten_pending": False,
        "position": 0,
        "entry": 0.0,
        "pnl": 0.0,
        "cost_basis": 0.0,  # of the stop-loss, kept apart from the entry
        "stop": None,  # a pending stop: {"side", "remaining"}
        # `order` is {"price", "ahead", "remaining"}; `live` the quote price, None when not quoted;
        # `timer` when the refill interval began.
        "buy": {"order": None, "live": None, "timer": None},
        "sell": {"order": None, "live": None, "timer": None},
        "trades": [],
        "market_dates": set(),
    }


def _on_event(rules, book, desk, event):
    now = event["timestamp"]
    today = now.date()
    is_trade = event["type"] == "trade"

    # 1. A new date clears the book, and nothing else.
    if desk["date"] != today:
        book.bids.clear()
        book.asks.clear()
    desk["date"] = today

    # 2. A trade at any time of day makes this a market date.
    if is_trade:
        desk["market_dates"].add(today)

    # 3. On another date than that of the last flatten, the desk reopens; a pending flatten is dropped.
    if desk["last_flatten_date"] is not None and desk["last_flatten_date"] != today:
        desk["closed_at_eod"] = False
        desk["flatten_pending"] = False

    # 4. End of day: close once, at this trade's price, or by waiting for a trade.
    if now.time() >= END_OF_DAY and not desk["closed_at_eod"]:
        desk["closed_at_eod"] = True
        desk["last_flatten_date"] = today
        if desk["position"] != 0:
            if is_trade:
                _flatten(desk, event)
            else:
                desk["flatten_pending"] = True
            return

    # 5. A pending flatten takes the first trade; until then nothing else happens.
    if desk["flatten_pending"]:
        if is_trade:
            _flatten(desk, event)
            desk["flatten_pending"] = False
        return

    # 6. Outside the window events never touch the book.
    if now.time() < OPEN or now.time() >= STOP_QUOTING:
        return

    # 7. The book takes the event.
    book.apply_update(event)

    # Between 7 and 8, for v2.1 alone: the stop-loss, which may end the event.
    if rules["has_stop"]:
        _trigger_stop(rules, book, desk)
        if desk["stop"] is not None:
            _trade_stop(book, desk, now)
            if desk["stop"] is not None:
                return

    # 8. Quotes.
    rules["quote"](rules, book, desk, now)

    # 9. Fills, against quotes that this same event may just have placed.
    if is_trade:
        _check_fills(desk, event)


def _flatten(desk, event):
    side = "sell" if desk["position"] > 0 else "buy"
    _record(desk, event["timestamp"], side, event["price"], abs(desk["position"]), "flatten")


def _check_fills(desk, event):
    """The ask first, then the bid; each takes the full volume of the trade and fills at the trade's price."""
    for side in ("sell", "buy"):
        quote = desk[side]
        if quote["live"] is None:
            continue
        if side == "sell" and event["price"] < quote["live"]:
            continue
        if side == "buy" and event["price"] > quote["live"]:
            continue
        order = quote["order"]
        volume = int(event["volume"])
        used_up = min(order["ahead"], volume)
        order["ahead"] -= used_up
        ours = min(order["remaining"], volume - used_up)
        order["remaining"] -= ours
        if order["remaining"] == 0:
            quote["live"] = None
        if ours > 0:
            _record(desk, event["timestamp"], side, event["price"], ours, "quote")


def _record(desk, now, side, price, quantity, reason):
    before = desk["position"]
    realized = _settle(desk, side, price, quantity)
    desk["pnl"] += realized
    desk[side]["timer"] = now  # every fill, flatten and stop too, stamps its side
    _adjust_cost_basis(desk, before, price)
    desk["trades"].append(
        {
            "timestamp": now,
            "side": side,
            "fill_price": price,
            "fill_qty": quantity,
            "realized_pnl": realized,
            "position": desk["position"],
            "pnl": desk["pnl"],
            "reason": reason,
        }
    )


def _settle(desk, side, price, quantity):
    """What the fill closes first, then what it opens, at average cost; returns the P&L of what it closes."""
    realized = 0.0
    sign = 1 if side == "buy" else -1
    if desk["position"] * sign < 0:
        closes = min(abs(desk["position"]), quantity)
        gain = (price - desk["entry"]) if side == "sell" else (desk["entry"] - price)
        realized = gain * closes
        desk["position"] += sign * closes
        quantity -= closes
    if quantity > 0:
        held = abs(desk["position"])
        if held == 0:
            desk["entry"] = price
        else:
            desk["entry"] = (desk["entry"] * held + price * quantity) / (held + quantity)
        desk["position"] += sign * quantity
    return realized


def _seconds_since(timer, now):
    return (now - timer).total_seconds()


def _quote_v1(rules, book, desk, now):
    """Quote anew only when the side's interval has passed; in between the quote is sticky."""
    bid, ask = book.get_best_bid(), book.get_best_ask()
    if not bid and not ask:
        return
    mid = (bid[0] + ask[0]) / 2 if bid and ask else (bid or ask)[0]
    max_position = rules["max_position"]
    if rules.get("max_notional") is not None:
        max_position = min(max_position, int(rules["max_notional"] / mid))

    for side, best, room in (
        ("buy", bid, max_position - desk["position"]),
        ("sell", ask, max_position + desk["position"]),
    ):
        quote = desk[side]
        if not best:
            continue
        if quote["timer"] is not None and _seconds_since(quote["timer"], now) < rules["refill_interval_sec"]:
            continue
        price, displayed = best
        size = max(0, min(rules[side], room))
        if price * displayed >= rules["min_local_currency_before_quote"] and size > 0:
            quote["order"] = {"price": price, "ahead": displayed, "remaining": size}
            quote["live"] = price
            quote["timer"] = now
        else:
            quote["live"] = None  # the timer is not stamped: looked at again on every event


def _quote_v2(rules, book, desk, now):
    """Follow the best price on every event; max_notional has no effect here."""
    for side, best, room in (
        ("buy", book.get_best_bid(), rules["max_position"] - desk["position"]),
        ("sell", book.get_best_ask(), rules["max_position"] + desk["position"]),
    ):
        quote = desk[side]
        order = quote["order"]
        if not best:
            continue  # the side has vanished: a stale quote stays live
        price, displayed = best
        if quote["timer"] is not None and _seconds_since(quote["timer"], now) < rules["refill_interval_sec"]:
            size = order["remaining"] if order else 0
        else:
            size = rules[side]
        size = max(0, min(size, room))
        if price * displayed >= rules["min_local_currency_before_quote"] and size > 0:
            if order is None or order["price"] != price:
                quote["order"] = {"price": price, "ahead": displayed, "remaining": size}
            else:
                order["remaining"] = size  # the place in the queue is kept
            quote["live"] = price
        else:
            quote["order"] = {"price": price, "ahead": displayed, "remaining": 0}
            quote["live"] = None


def _quote_v3(rules, book, desk, now):
    """Follow the best price on every event, each time behind all that is displayed, from 10:05 on."""
    for side, best, room in (
        ("buy", book.get_best_bid(), rules["max_position"] - desk["position"]),
        ("sell", book.get_best_ask(), rules["max_position"] + desk["position"]),
    ):
        quote = desk[side]
        if not best:
            continue  # the side has vanished: a stale quote stays live
        price, displayed = best
        if quote["timer"] is not None and _seconds_since(quote["timer"], now) < rules["refill_interval_sec"]:
            size = quote["order"]["remaining"] if quote["order"] else 0
        else:
            size = rules[side]
        size = max(0, min(size, room))
        enough = price * displayed >= rules["min_local_currency_before_quote"] and size > 0
        if enough and now.time() >= START_QUOTING_V3:
            quote["order"] = {"price": price, "ahead": displayed, "remaining": size}
            quote["live"] = price
        else:
            quote["order"] = {"price": price, "ahead": 0, "remaining": 0}
            quote["live"] = None


def _trigger_stop(rules, book, desk):
    bid, ask = book.get_best_bid(), book.get_best_ask()
    position = desk["position"]
    if not bid or not ask or position == 0 or desk["stop"] is not None:
        return
    mid = (bid[0] + ask[0]) / 2
    average = abs(desk["cost_basis"]) / abs(position)
    unrealized_pct = (mid - average) * position / abs(desk["cost_basis"]) * 100
    if unrealized_pct < -rules["stop_loss_threshold_pct"]:
        desk["stop"] = {"side": "sell" if position > 0 else "buy", "remaining": abs(position)}


def _trade_stop(book, desk, now):
    """Take what is displayed, at most what remains; a stop goes when it is done, not at the end of a day."""
    stop = desk["stop"]
    best = book.get_best_bid() if stop["side"] == "sell" else book.get_best_ask()
    if not best:
        return
    price, displayed = best
    quantity = min(stop["remaining"], displayed)
    stop["remaining"] -= quantity
    _record(desk, now, stop["side"], price, quantity, "stop")
    if stop["remaining"] == 0:
        desk["stop"] = None


def _adjust_cost_basis(desk, before, price):
    after = desk["position"]
    if after == 0:
        desk["cost_basis"] = 0.0
    elif before * after <= 0:  # opened, or flipped: begun anew
        desk["cost_basis"] = price * abs(after)
    elif abs(after) > abs(before):
        desk["cost_basis"] += price * (abs(after) - abs(before))
    else:
        desk["cost_basis"] *= abs(after) / abs(before)
