"""Handler of the price follower with quantity cooldown."""

from functools import partial

from .strategy import V2PriceFollowQtyCooldown


def _handle(config, security, chunk, orderbook, state):
    # the strategy travels in the state, from chunk to chunk
    if "strategy" not in state:
        state["strategy"] = V2PriceFollowQtyCooldown(config)
    return state["strategy"].process_chunk(security, chunk, orderbook, state)


def create_v2_price_follow_qty_cooldown_handler(config=None):
    return partial(_handle, config or {})
