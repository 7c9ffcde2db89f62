"""V2: follow the best price on every event; after a fill the size stays down until the cooldown is over."""

from ..common import BaseMarketMaker


class V2PriceFollowQtyCooldown(BaseMarketMaker):
    def update_quotes(self, ctx, orderbook, timestamp):
        # NB max_notional is not used here (never was)
        max_pos = ctx.cfg["max_position"]
        best_bid = orderbook.get_best_bid()
        best_ask = orderbook.get_best_ask()
        if best_bid is not None:
            self._follow(ctx, ctx.bid, best_bid, ctx.cfg["quote_size_bid"], max_pos - ctx.position, timestamp)
        if best_ask is not None:
            self._follow(ctx, ctx.ask, best_ask, ctx.cfg["quote_size_ask"], max_pos + ctx.position, timestamp)

    def _follow(self, ctx, quote, level, full_size, room, timestamp):
        price, qty = level
        elapsed = self.seconds_since_refill(quote, timestamp)
        in_cooldown = elapsed is not None and elapsed < ctx.cfg["refill_interval_sec"]
        size = quote.our_remaining if in_cooldown else full_size
        size = max(0, min(size, int(room)))

        if price * qty >= ctx.cfg["min_local_currency_before_quote"] and size > 0:
            if quote.order_price != price:
                quote.place(price, qty, size)  # back of the queue
            else:
                quote.our_remaining = size
            quote.live_price = price
        else:
            quote.place(price, qty, 0)
            quote.live_price = None
