"""The strategies that ship with dbatch keep its contract."""

from __future__ import annotations

from dbatch.testing import StrategyContract


class TestV1Baseline(StrategyContract):
    strategy = "v1_baseline"


class TestV2PriceFollowQtyCooldown(StrategyContract):
    strategy = "v2_price_follow_qty_cooldown"


class TestV21StopLoss(StrategyContract):
    strategy = "v2_1_stop_loss"


class TestClosingStrategy(StrategyContract):
    strategy = "closing_strategy"


class TestV3LiquidityMonitor(StrategyContract):
    strategy = "v3_liquidity_monitor"
