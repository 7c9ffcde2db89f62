"""
Base class for our market makers.

Takes care of the session (fresh book every day, flat at the end of it), of the fills of our two quotes and of the
P&L. Subclasses decide where and how much to quote: update_quotes().
"""

import logging

from .orderbook_utils import clear_book, row_to_update
from .pnl import PnLTracker
from .sessions import is_eod, is_quoting_time

logger = logging.getLogger(__name__)

DEFAULTS = {
    "quote_size": 50000,
    "refill_interval_sec": 60,
    "max_position": 2000000,
    "max_notional": None,
    "min_local_currency_before_quote": 25000,
}


class Quote:
    """Our resting order on one side. live_price is None while we are not in the market."""

    def __init__(self):
        self.order_price = None
        self.ahead_qty = 0
        self.our_remaining = 0
        self.live_price = None
        self.refill_time = None

    def place(self, price, ahead, qty):
        self.order_price = price
        self.ahead_qty = ahead
        self.our_remaining = qty


class SecurityContext:
    """Everything we know about one security."""

    def __init__(self, cfg):
        self.cfg = cfg
        self.tracker = PnLTracker()
        self.bid = Quote()
        self.ask = Quote()
        self.current_date = None
        self.last_flatten_date = None
        self.closed_at_eod = False
        self.pending_flatten = False
        self.market_dates = set()
        self.counts = {"rows": 0, "bid": 0, "ask": 0, "trade": 0}
        self.last_trade_price = None

    @property
    def position(self):
        return self.tracker.position


class BaseMarketMaker:
    default_config = DEFAULTS

    def __init__(self, config=None):
        self.config = config or {}
        self.contexts = {}

    def get_config(self, security):
        cfg = dict(self.default_config)
        cfg.update(self.config.get(security, {}))
        # separate sizes per side are optional
        for key in ("quote_size_bid", "quote_size_ask"):
            if cfg.get(key) is None:
                cfg[key] = cfg["quote_size"]
        return cfg

    def get_context(self, security):
        if security not in self.contexts:
            self.contexts[security] = self.make_context(security)
        return self.contexts[security]

    def make_context(self, security):
        return SecurityContext(self.get_config(security))

    def process_chunk(self, security, chunk, orderbook, state):
        ctx = self.get_context(security)
        for row in chunk.itertuples(index=False):
            self.process_row(ctx, orderbook, row)

        # results for the engine
        state["position"] = ctx.tracker.position
        state["pnl"] = ctx.tracker.pnl
        state["trades"] = ctx.tracker.trades
        state["market_dates"] = ctx.market_dates
        state["strategy_dates"] = {t["timestamp"].date() for t in ctx.tracker.trades}
        state["counts"] = ctx.counts
        logger.debug("%s: %d rows, position %d", security, ctx.counts["rows"], ctx.position)
        return state

    def process_row(self, ctx, orderbook, row):
        timestamp = row.timestamp
        today = timestamp.date()
        t = timestamp.time()
        is_trade = row.type == "trade"

        if ctx.current_date != today:
            clear_book(orderbook)
            ctx.current_date = today
        if is_trade:
            ctx.market_dates.add(today)

        if ctx.last_flatten_date is not None and ctx.last_flatten_date != today:
            ctx.closed_at_eod = False
            ctx.pending_flatten = False

        # EOD: flat at the first trade
        if is_eod(t) and not ctx.closed_at_eod:
            ctx.closed_at_eod = True
            ctx.last_flatten_date = today
            if ctx.position != 0:
                if is_trade:
                    self.flatten(ctx, row.price, timestamp)
                else:
                    ctx.pending_flatten = True
                return
        if ctx.pending_flatten:
            if is_trade:
                self.flatten(ctx, row.price, timestamp)
                ctx.pending_flatten = False
            return

        if not is_quoting_time(t):
            return

        orderbook.apply_update(row_to_update(row))
        ctx.counts["rows"] += 1
        if row.type in ctx.counts:
            ctx.counts[row.type] += 1
        if is_trade:
            ctx.last_trade_price = row.price

        if not self.before_quotes(ctx, orderbook, timestamp):
            return
        self.update_quotes(ctx, orderbook, timestamp)
        if is_trade:
            self.check_fills(ctx, row.price, int(row.volume), timestamp)

    # --- hooks -----------------------------------------------------------------------------------------------

    def before_quotes(self, ctx, orderbook, timestamp):
        """Return False to skip quoting and fills for this event."""
        return True

    def update_quotes(self, ctx, orderbook, timestamp):
        raise NotImplementedError

    # --- fills -----------------------------------------------------------------------------------------------

    def record_fill(self, ctx, side, price, qty, timestamp):
        ctx.tracker.record_fill(side, price, qty, timestamp)
        if side == "buy":
            ctx.bid.refill_time = timestamp
        else:
            ctx.ask.refill_time = timestamp

    def flatten(self, ctx, price, timestamp):
        side = "sell" if ctx.position > 0 else "buy"
        self.record_fill(ctx, side, price, abs(ctx.position), timestamp)

    def check_fills(self, ctx, price, volume, timestamp):
        # ask first; both sides see the full trade volume
        if ctx.ask.live_price is not None and price >= ctx.ask.live_price:
            self._fill_quote(ctx, ctx.ask, "sell", price, volume, timestamp)
        if ctx.bid.live_price is not None and price <= ctx.bid.live_price:
            self._fill_quote(ctx, ctx.bid, "buy", price, volume, timestamp)

    def _fill_quote(self, ctx, quote, side, price, volume, timestamp):
        consumed = min(quote.ahead_qty, volume)
        quote.ahead_qty -= consumed
        fill_qty = min(quote.our_remaining, volume - consumed)
        quote.our_remaining -= fill_qty
        if quote.our_remaining == 0:
            quote.live_price = None
        if fill_qty > 0:
            self.record_fill(ctx, side, price, fill_qty, timestamp)

    @staticmethod
    def seconds_since_refill(quote, timestamp):
        """None if the side was never quoted or filled."""
        if quote.refill_time is None:
            return None
        return (timestamp - quote.refill_time).total_seconds()
