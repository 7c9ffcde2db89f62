"""V2.1: V2 plus a stop-loss on the position's cost basis."""

from ..common.base import DEFAULTS, SecurityContext
from ..common.orderbook_utils import get_mid
from ..v2_price_follow_qty_cooldown.strategy import V2PriceFollowQtyCooldown

STOP_LOSS_DEFAULTS = {**DEFAULTS, "stop_loss_threshold_pct": 2.0}


class StopLossContext(SecurityContext):
    def __init__(self, cfg):
        super().__init__(cfg)
        self.cost_basis = 0.0
        self.stop_loss_pending = None  # {"side": ..., "remaining_qty": ...}


class V21StopLoss(V2PriceFollowQtyCooldown):
    default_config = STOP_LOSS_DEFAULTS

    def make_context(self, security):
        return StopLossContext(self.get_config(security))

    def before_quotes(self, ctx, orderbook, timestamp):
        if ctx.stop_loss_pending is None:
            self.check_stop_loss(ctx, orderbook)
        if ctx.stop_loss_pending is not None:
            self.execute_stop_loss(ctx, orderbook, timestamp)
        return ctx.stop_loss_pending is None

    def check_stop_loss(self, ctx, orderbook):
        best_bid = orderbook.get_best_bid()
        best_ask = orderbook.get_best_ask()
        if best_bid is None or best_ask is None or ctx.position == 0:
            return
        pnl_pct = self.unrealized_pct(ctx, get_mid(best_bid, best_ask))
        if pnl_pct < -ctx.cfg["stop_loss_threshold_pct"]:
            ctx.stop_loss_pending = {
                "side": "sell" if ctx.position > 0 else "buy",
                "remaining_qty": abs(ctx.position),
            }

    def unrealized_pct(self, ctx, mid):
        cost = abs(ctx.cost_basis)
        if cost < 1e-6:
            return 0.0
        avg_price = cost / abs(ctx.position)
        return ((mid - avg_price) * ctx.position / cost) * 100.0

    def execute_stop_loss(self, ctx, orderbook, timestamp):
        pending = ctx.stop_loss_pending
        level = orderbook.get_best_bid() if pending["side"] == "sell" else orderbook.get_best_ask()
        if level is None:
            return
        price, available = level
        qty = min(pending["remaining_qty"], available)
        pending["remaining_qty"] -= qty
        self.record_fill(ctx, pending["side"], price, qty, timestamp)
        if pending["remaining_qty"] == 0:
            ctx.stop_loss_pending = None

    def record_fill(self, ctx, side, price, qty, timestamp):
        before = ctx.position
        super().record_fill(ctx, side, price, qty, timestamp)
        after = ctx.position
        if after == 0:
            ctx.cost_basis = 0.0
        elif before == 0 or (before > 0) != (after > 0):
            ctx.cost_basis = price * abs(after)
        elif abs(after) > abs(before):
            ctx.cost_basis += price * (abs(after) - abs(before))
        else:
            ctx.cost_basis *= abs(after) / abs(before)
