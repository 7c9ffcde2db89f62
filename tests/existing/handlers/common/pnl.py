"""Average-cost position accounting."""


class PnLTracker:
    def __init__(self):
        self.position = 0
        self.entry_price = 0.0
        self.pnl = 0.0
        self.trades = []

    def _apply(self, side, price, qty):
        """Book a fill and return what it realized: close the opposite position first, then open/extend."""
        realized = 0.0
        remaining = qty
        if side == "buy":
            if self.position < 0:
                close_qty = min(remaining, -self.position)
                realized += (self.entry_price - price) * close_qty
                self.position += close_qty
                remaining -= close_qty
            if remaining > 0:
                new_position = self.position + remaining
                if self.position == 0:
                    self.entry_price = price
                else:
                    self.entry_price = (self.entry_price * self.position + price * remaining) / new_position
                self.position = new_position
        else:
            if self.position > 0:
                close_qty = min(remaining, self.position)
                realized += (price - self.entry_price) * close_qty
                self.position -= close_qty
                remaining -= close_qty
            if remaining > 0:
                short = -self.position
                if short == 0:
                    self.entry_price = price
                else:
                    self.entry_price = (self.entry_price * short + price * remaining) / (short + remaining)
                self.position -= remaining
        return realized

    def record_fill(self, side, price, qty, timestamp):
        realized = self._apply(side, price, qty)
        self.pnl += realized
        self.trades.append(
            {
                "timestamp": timestamp,
                "side": side,
                "fill_price": price,
                "fill_qty": qty,
                "realized_pnl": realized,
                "position": self.position,
                "pnl": self.pnl,
            }
        )
        return realized
