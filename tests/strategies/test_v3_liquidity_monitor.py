"""What sets v3_liquidity_monitor apart from v2, by events made by hand."""

from __future__ import annotations

from typing import Any

from dbatch.testing import backtest, ticks_of
from dbatch_market_making.v3_liquidity_monitor import create_v3_liquidity_monitor_handler

SETTINGS = {"quote_size": 500, "refill_interval_sec": 60, "max_position": 5_000, "min_local_currency_before_quote": 0}


def fills(*lines: str, **settings: Any) -> list[tuple[str, str, int]]:
    """Return (time of day, side, quantity) of each fill over `lines`."""
    found = backtest(create_v3_liquidity_monitor_handler, ticks_of(*lines), **{**SETTINGS, **settings}).fills
    times = found["timestamp"].dt.strftime("%H:%M:%S")
    return list(zip(times, found["side"], found["fill_qty"], strict=True))


def test_nothing_is_quoted_before_five_past_ten() -> None:
    assert fills("10:00 bid 10.00 1000", "10:04:59.999 trade 10.00 9000") == []


def test_a_trade_at_five_past_ten_places_the_quote_that_it_fills() -> None:
    assert fills("10:00 bid 10.00 1000", "10:05 trade 10.00 1300") == [("10:05:00", "buy", 300)]


def test_trades_within_the_displayed_depth_never_drain_the_queue() -> None:
    assert fills("10:06 bid 10.00 1000", "10:06 trade 10.00 600", "10:06 trade 10.00 1000") == []


def test_the_depth_displayed_last_is_what_a_single_trade_must_exceed() -> None:
    lines = ("10:06 bid 10.00 1000", "10:06:01 bid 10.00 200", "10:06:02 trade 10.00 500")
    assert fills(*lines) == [("10:06:02", "buy", 300)]


def test_within_the_cooldown_only_what_is_left_is_quoted() -> None:
    lines = (
        "10:06 bid 10.00 1000",
        "10:06:01 trade 10.00 1300",
        "10:06:02 trade 10.00 9000",
        "10:07:00 trade 10.00 9000",
    )
    assert fills(*lines) == [("10:06:01", "buy", 300), ("10:06:02", "buy", 200)]


def test_a_filled_side_comes_back_in_full_when_the_cooldown_ends() -> None:
    lines = ("10:06 bid 10.00 1000", "10:06:01 trade 10.00 1500", "10:07:01 trade 10.00 1500")
    assert fills(*lines) == [("10:06:01", "buy", 500), ("10:07:01", "buy", 500)]


def test_a_side_withdrawn_within_the_cooldown_stays_empty_until_it_ends() -> None:
    lines = (
        "10:06 bid 10.00 1000",
        "10:06:01 trade 10.00 1300",  # 200 left
        "10:06:02 bid 10.00 10",  # worth 100, less than the threshold: withdrawn, nothing left
        "10:06:03 bid 10.00 1000",
        "10:06:04 trade 10.00 9000",
        "10:07:01 trade 10.00 9000",  # 60 seconds after the fill
    )
    found = fills(*lines, min_local_currency_before_quote=500)
    assert found == [("10:06:01", "buy", 300), ("10:07:01", "buy", 500)]


def test_a_quote_whose_side_vanished_stays_in_the_market() -> None:
    lines = ("10:06 ask 10.00 1000", "10:06:01 ask 10.00 0", "10:06:02 trade 10.05 1200")
    assert fills(*lines) == [("10:06:02", "sell", 200)]


def test_no_event_from_a_quarter_to_three_on_is_traded_and_the_position_goes_flat_at_five_to() -> None:
    lines = ("14:44 bid 10.00 1000", "14:44:59 trade 10.00 1500", "14:45 trade 10.00 9000", "14:55 trade 10.10 1")
    assert fills(*lines) == [("14:44:59", "buy", 500), ("14:55:00", "sell", 500)]
