"""The slow twin of the closing strategy: its rules as one reads them aloud, one event after the other.

Evidence, not product: written from the rules alone, in plain Python, to be checked by eye. Times of day are in
nanoseconds, sizes shares, money the security's currency, days counted since 1970.
"""

from __future__ import annotations

DAY = 86_400 * 10**9
BID, ASK, TRADE = 0, 1, 2

DEFAULTS = {
    "vwap_preclose_period_min": 15,
    "spread_vwap_pct": 0.5,
    "order_notional": 250_000,
    "stop_loss_threshold_pct": 2.0,
    "trend_filter_sell_enabled": True,
    "trend_filter_sell_threshold_bps_hr": 10,
    "trend_filter_buy_enabled": False,
    "trend_filter_buy_threshold_bps_hr": 10,
    "auction_fill_pct": 10,
    "exchange": "ADX",
}
TICKS = {
    "ADX": [(1, 0.001), (10, 0.01), (50, 0.02), (100, 0.05), (float("inf"), 0.1)],
    "DFM": [(1, 0.001), (10, 0.01), (float("inf"), 0.05)],
}


def clock(hours, minutes=0):
    return (hours * 60 + minutes) * 60 * 10**9


def to_tick(price, exchange):
    tick = next(size for below, size in TICKS[exchange] if price < below)
    return round(price / tick) * tick


def slope_bps(points):
    """Ordinary least squares of price on hours, in basis points of the mean price an hour."""
    if len(points) < 10:
        return 0.0
    mean_hour = sum(hour for hour, _ in points) / len(points)
    mean_price = sum(price for _, price in points) / len(points)
    spread = sum((hour - mean_hour) ** 2 for hour, _ in points)
    if len({hour for hour, _ in points}) == 1:
        return 0.0
    return sum((hour - mean_hour) * (price - mean_price) for hour, price in points) / spread / mean_price * 10_000


class Twin:
    """Takes events (timestamp, kind, price, volume) in time order; `trades` are its fills, with type and reference."""

    def __init__(self, **settings):
        self.rules = {**DEFAULTS, **settings}
        self.trades = []
        self.filtered = {"buy": 0, "sell": 0}
        self.position, self.entry = 0, None
        self.bid = self.ask = None
        self.exit = None
        self.today = None
        self.last_day = None

    def run(self, events):
        self.last_day = events[-1][0] // DAY if events else None
        for event in events:
            self.on_event(*event)
        if self.today is not None:
            self.settle()
        return self.trades

    def on_event(self, now, kind, price, volume):
        day, time = divmod(now, DAY)

        # 0. A new date settles the one before, and begins anew.
        if day != self.today:
            if self.today is not None:
                self.settle()
            self.new_day(day)
        is_trade = kind == TRADE and price > 0

        # 1. A price on either side; never cleared, whatever is displayed there.
        if kind == BID and price > 0:
            self.bid = price
        if kind == ASK and price > 0:
            self.ask = price

        # 2. Trades of the session make the trend.
        in_session = clock(10) <= time < clock(14, 45)
        if is_trade and in_session:
            self.points.append(((time - clock(10)) / clock(1), price))

        # 3. The stop, at any event.
        if self.position and clock(10, 10) <= time < clock(14, 44):
            mark = self.bid if self.position > 0 else self.ask
            if mark is not None:
                gain = mark - self.entry if self.position > 0 else self.entry - mark
                if gain / self.entry * 100 < -self.rules["stop_loss_threshold_pct"]:
                    self.close(now, mark, abs(self.position), "stop_loss", self.entry)
                    self.exit = None

        # 4. The exit order, at a trade.
        if is_trade and in_session and self.exit is not None and self.exit["from"] <= day:
            reached = price >= self.exit["price"] if self.position > 0 else price <= self.exit["price"]
            quantity = min(abs(self.position), volume)
            if reached and quantity > 0:
                self.close(now, price, quantity, "vwap_exit", self.exit["price"])
                if self.position == 0:
                    self.exit = None

        # 5. The VWAP of the window before the call.
        begins = clock(14, 45) - self.rules["vwap_preclose_period_min"] * 60 * 10**9
        if is_trade and begins <= time < clock(14, 45):
            self.value += price * volume
            self.volume += volume

        # 6. The first event of the call places the orders, but on the last date, or while an exit order waits.
        in_call = clock(14, 45) <= time < clock(14, 55)
        if in_call and not self.orders and self.value > 0 and day != self.last_day and self.exit is None:
            self.place()

        # 7. The auction.
        if is_trade and time >= clock(14, 55):
            self.auction_volume += volume
            if self.closing is None:
                self.closing = (now, price)

    def new_day(self, day):
        self.today = day
        self.points = []
        self.value, self.volume = 0.0, 0
        self.orders = {}
        self.auction_volume, self.closing = 0, None

    def place(self):
        rules = self.rules
        vwap = self.value / self.volume
        quantity = round(rules["order_notional"] / vwap)
        slope = slope_bps(self.points)
        self.orders = {"vwap": vwap}
        for side, sign in (("buy", -1), ("sell", 1)):
            against = slope * sign > rules[f"trend_filter_{side}_threshold_bps_hr"]
            if rules[f"trend_filter_{side}_enabled"] and against:
                self.filtered[side] += 1
                continue
            price = to_tick(vwap * (1 + sign * (rules["spread_vwap_pct"] / 100)), rules["exchange"])
            self.orders[side] = (price, quantity)

    def settle(self):
        """The auction at the date's end; then what is left of an older exit order goes at the closing price."""
        if self.closing is None:
            return
        now, price = self.closing
        most = int(self.auction_volume * (self.rules["auction_fill_pct"] / 100))
        before = self.position
        for side, sign in (("buy", 1), ("sell", -1)):
            if side not in self.orders:
                continue
            limit, wanted = self.orders[side]
            quantity = min(wanted, most)
            if quantity > 0 and (price <= limit if side == "buy" else price >= limit):
                self.position += sign * quantity
                self.entry = price
                self.trades.append((now, side, price, quantity, 0.0, "auction_entry", self.orders["vwap"]))
        if before == 0:
            target = to_tick(self.orders["vwap"], self.rules["exchange"]) if self.position else None
            self.exit = {"price": target, "from": self.today + 1} if self.position else None
        elif self.exit is not None and self.exit["from"] <= self.today:
            self.close(now, price, abs(self.position), "eod_flatten", self.exit["price"])
            self.exit = None

    def close(self, now, price, quantity, why, reference):
        if self.position > 0:
            side, realized, change = "sell", (price - self.entry) * quantity, -quantity
        else:
            side, realized, change = "buy", (self.entry - price) * quantity, quantity
        self.position += change
        self.trades.append((now, side, price, quantity, realized, why, reference))
