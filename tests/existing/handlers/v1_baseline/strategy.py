"""V1: sit at the best bid and ask, refill every refill_interval_sec."""

from ..common.base import BaseMarketMaker
from ..common.orderbook_utils import get_mid


class V1Baseline(BaseMarketMaker):
    def max_position_for(self, ctx, bid, ask):
        max_pos = ctx.cfg["max_position"]
        max_notional = ctx.cfg["max_notional"]
        if max_notional is not None:
            max_pos = min(max_pos, int(max_notional / get_mid(bid, ask)))
        return max_pos

    def update_quotes(self, ctx, orderbook, timestamp):
        best_bid = orderbook.get_best_bid()
        best_ask = orderbook.get_best_ask()
        if best_bid is None and best_ask is None:
            return
        max_pos = self.max_position_for(ctx, best_bid, best_ask)
        bid_size = max(0, min(ctx.cfg["quote_size_bid"], int(max_pos - ctx.position)))
        ask_size = max(0, min(ctx.cfg["quote_size_ask"], int(max_pos + ctx.position)))

        if best_bid is not None:
            self.refill(ctx, ctx.bid, best_bid, bid_size, timestamp)
        if best_ask is not None:
            self.refill(ctx, ctx.ask, best_ask, ask_size, timestamp)

    def refill(self, ctx, quote, level, size, timestamp):
        elapsed = self.seconds_since_refill(quote, timestamp)
        if elapsed is not None and elapsed < ctx.cfg["refill_interval_sec"]:
            return  # sticky
        price, qty = level
        if price * qty >= ctx.cfg["min_local_currency_before_quote"] and size > 0:
            quote.place(price, qty, size)
            quote.live_price = price
            quote.refill_time = timestamp
        else:
            quote.live_price = None
