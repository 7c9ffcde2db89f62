"""Each rule of the closing strategy by events made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dbatch.testing import backtest, ticks_of
from dbatch_closing.closing_strategy import create_closing_strategy_handler

MON, TUE, WED, THU = (f"2025-01-{day:02}" for day in (6, 7, 8, 9))
VWAP_OF_10 = ("14:40 trade 10.00 1000", "14:45 bid 10.00")
"""A VWAP of 10.00: the buy order stands at 9.95, the sell order at 502 ticks of 0.02 (10.05 is 502.49999999999994),
25,000 shares each. As a double 502 x 0.02 is 10.040000000000001: a price of 10.04 does not reach it."""
LONG = (f"{MON} 14:40 trade 10.00 1000", "14:45 bid 10.00", "14:55 trade 9.90 10000")
"""On Tuesday it is long 1,000 at 9.90, a tenth of the auction's volume, and the exit order stands at 10.00."""
SHORT = (f"{MON} 14:40 trade 10.00 1000", "14:45 bid 10.00", "14:55 trade 10.10 10000")


def fills(*lines: str, **settings: Any) -> list[tuple[str, str, int, float]]:
    """Return (day and time, side, quantity, price) of each fill over `lines`."""
    found = backtest(create_closing_strategy_handler, ticks_of(*lines), **settings).fills
    times = found["timestamp"].dt.strftime("%d %H:%M:%S")
    return list(zip(times, found["side"], found["fill_qty"], found["fill_price"], strict=True))


ENTERED = ("06 14:55:00", "buy", 1_000, 9.90)
SOLD = ("06 14:55:00", "sell", 1_000, 10.10)


def test_a_close_below_the_buy_order_is_bought_up_to_a_tenth_of_the_auctions_volume() -> None:
    assert fills(*LONG, f"{TUE} 09:00 bid 9.90") == [ENTERED]


def test_a_close_above_the_sell_order_is_sold() -> None:
    assert fills(*SHORT, f"{TUE} 09:00 bid 9.90") == [SOLD]


@pytest.mark.parametrize(
    ("price", "side"), [(9.94, ["buy"]), (9.95, ["buy"]), (9.96, []), (10.04, []), (10.06, ["sell"])]
)
def test_a_close_at_an_orders_price_fills_it_and_one_between_fills_none(price: float, side: list[str]) -> None:
    found = fills(*VWAP_OF_10, f"14:55 trade {price} 10000", f"{TUE} 09:00 bid 9.90")
    assert [fill[1] for fill in found] == side


def test_an_order_gets_no_more_than_its_own_size() -> None:
    (fill,) = fills(*LONG, f"{TUE} 09:00 bid 9.90", order_notional=1_234.5)
    assert fill[2] == 123


def test_half_a_share_is_rounded_to_the_even_number() -> None:
    (fill,) = fills(*LONG, f"{TUE} 09:00 bid 9.90", order_notional=125.0)
    assert fill[2] == 12


def test_the_share_of_the_auction_is_a_parameter() -> None:
    (fill,) = fills(*LONG, f"{TUE} 09:00 bid 9.90", auction_fill_pct=25)
    assert fill[2] == 2_500


def test_the_first_auction_trade_is_the_close_and_later_ones_count_as_volume_whatever_the_hour() -> None:
    found = fills(*LONG, "14:56 trade 10.50 5000", "16:30 trade 10.50 5000", f"{TUE} 09:00 bid 9.90")
    assert found == [("06 14:55:00", "buy", 2_000, 9.90)]


def test_a_day_without_a_closing_price_has_no_entry() -> None:
    assert fills(*VWAP_OF_10, f"{TUE} 09:00 bid 9.90", "14:55 trade 9.00 10000", f"{WED} 09:00 bid 9.90") == []


def test_there_is_no_order_on_the_last_date() -> None:
    assert fills(*LONG) == []


def test_without_an_event_from_a_quarter_to_three_to_five_to_there_is_no_order() -> None:
    assert fills("14:40 trade 10.00", "14:44:59 bid 10", "14:55 trade 9.90 10000", f"{TUE} 09:00 bid 9.90") == []


@pytest.mark.parametrize("line", ["14:54:59 ask 10.00 0", "14:45 trade 12.00 5000", "14:50 bid 0 0"])
def test_any_event_of_the_call_places_the_orders(line: str) -> None:
    found = fills("14:40 trade 10.00", line, "14:55 trade 9.90 10000", f"{TUE} 09:00 bid 9.90")
    assert found == [ENTERED]


def test_only_trades_of_the_window_make_the_vwap() -> None:
    lines = (
        "14:29:59 trade 20.00 9000",
        "14:30 trade 10.00 1000",
        "14:44:59 trade 10.00 1000",
        "14:45 trade 20.00 9000",
    )
    assert fills(*lines, "14:55 trade 9.90 10000", f"{TUE} 09:00 bid 9.90") == [ENTERED]


def test_a_longer_window_takes_trades_from_earlier_on() -> None:
    lines = ("13:45 trade 9.00 1000", "14:40 trade 10.00 1000", "14:45 bid 10.00", "14:55 trade 9.48 10000")
    assert fills(*lines, f"{TUE} 09:00 bid 9.90") == [("06 14:55:00", "buy", 1_000, 9.48)]
    assert fills(*lines, f"{TUE} 09:00 bid 9.90", vwap_preclose_period_min=60) == []


def test_a_day_without_volume_in_the_window_has_no_order() -> None:
    assert fills("14:40 trade 10.00 0", "14:45 bid 10.00", "14:55 trade 9.90 10000", f"{TUE} 09:00 bid 9.90") == []


def test_the_vwap_of_one_day_is_not_that_of_the_next() -> None:
    lines = (*VWAP_OF_10, f"{TUE} 14:45 bid 10.00", "14:55 trade 9.90 10000", f"{WED} 09:00 bid 9.90")
    assert fills(*lines) == []


def test_the_exit_order_fills_at_trades_at_its_price_or_better_up_to_their_volume() -> None:
    lines = (f"{TUE} 09:59:59 trade 10.00", "10:00 trade 9.99", "10:00 trade 10.00 300", "14:44:59 trade 10.20 5000")
    expected = [("07 10:00:00", "sell", 300, 10.00), ("07 14:44:59", "sell", 700, 10.20)]
    assert fills(*LONG, *lines) == [ENTERED, *expected]


def test_a_short_position_buys_at_or_below_the_vwap() -> None:
    lines = (f"{TUE} 10:00 trade 10.02 300", "10:01 trade 10.00 300", "10:02 trade 9.98 5000")
    assert fills(*SHORT, *lines) == [SOLD, ("07 10:01:00", "buy", 300, 10.00), ("07 10:02:00", "buy", 700, 9.98)]


def test_no_exit_is_filled_from_a_quarter_to_three_on() -> None:
    assert fills(*LONG, f"{TUE} 14:45 trade 10.00 5000") == [ENTERED]


def test_what_is_left_goes_at_the_next_close_whatever_its_volume() -> None:
    found = fills(
        *LONG, f"{TUE} 10:00 trade 10.00 300", "14:57 trade 9.80 1", "15:10 trade 9.00 1", f"{WED} 09:00 bid 9.90"
    )
    assert found == [ENTERED, ("07 10:00:00", "sell", 300, 10.00), ("07 14:57:00", "sell", 700, 9.80)]


def test_what_is_left_goes_at_the_close_of_the_last_date_too() -> None:
    assert fills(*LONG, f"{TUE} 14:57 trade 9.80 1") == [ENTERED, ("07 14:57:00", "sell", 1_000, 9.80)]


def test_without_a_close_the_exit_order_stays_for_another_day() -> None:
    found = fills(*LONG, f"{TUE} 10:00 trade 9.99", f"{THU} 10:00 trade 10.00 5000")
    assert found == [ENTERED, ("09 10:00:00", "sell", 1_000, 10.00)]


def test_while_an_exit_order_waits_there_is_no_new_order() -> None:
    lines = (f"{TUE} 14:40 trade 9.99", "14:45 bid 10.00", "14:55 trade 9.80 10000", f"{WED} 09:00 bid 9.90")
    assert fills(*LONG, *lines) == [ENTERED, ("07 14:55:00", "sell", 1_000, 9.80)]


def test_a_position_that_was_left_before_the_call_lets_the_next_begin() -> None:
    lines = (f"{TUE} 14:40 trade 10.00 1000", "14:45 bid 10.00", "14:55 trade 9.90 20000", f"{WED} 09:00 bid 9.90")
    found = fills(*LONG, *lines)
    assert found == [ENTERED, ("07 14:40:00", "sell", 1_000, 10.00), ("07 14:55:00", "buy", 2_000, 9.90)]


STOP = ("07 11:00:00", "sell", 1_000, 9.70)  # 2.02 per cent below 9.90


@pytest.mark.parametrize("line", ["11:00 bid 9.70 1", "11:00 bid 9.70 0"])
def test_a_bid_beyond_the_threshold_closes_a_long_position_whatever_is_displayed(line: str) -> None:
    assert fills(*LONG, f"{TUE} {line}", "12:00 trade 10.00 5000") == [ENTERED, STOP]


def test_the_stop_is_strictly_beyond_the_threshold() -> None:
    lines = (f"{MON} 14:40 trade 10.00 1000", "14:45 bid 10.00", "14:55 trade 8.00 10000", f"{TUE} 11:00 bid 6.00")
    assert [fill[1] for fill in fills(*lines, stop_loss_threshold_pct=25)] == ["buy"]
    assert [fill[1] for fill in fills(*lines, stop_loss_threshold_pct=24.99)] == ["buy", "sell"]


def test_an_ask_beyond_the_threshold_closes_a_short_position() -> None:
    found = fills(*SHORT, f"{TUE} 11:00 bid 10.40", "11:01 ask 10.30", "11:02 ask 10.31 1")
    assert found == [SOLD, ("07 11:02:00", "buy", 1_000, 10.31)]


def test_the_stop_is_looked_at_from_ten_past_ten_to_sixteen_to_three_at_any_event() -> None:
    early = (f"{TUE} 10:09:59 bid 9.70", "10:10 ask 0 0")
    assert fills(*LONG, *early) == [ENTERED, ("07 10:10:00", "sell", 1_000, 9.70)]
    assert fills(*LONG, f"{TUE} 14:43:59 bid 9.70", "14:43:59 trade 9.00 1")[1:] == [
        ("07 14:43:59", "sell", 1_000, 9.70)
    ]
    assert fills(*LONG, f"{TUE} 14:44 bid 9.70", "14:44:30 trade 9.00 1") == [ENTERED]


def test_yesterdays_quote_stops_a_position_when_no_other_has_come() -> None:
    found = fills(*LONG, "15:00 bid 9.70", f"{TUE} 10:30 trade 9.99 1")
    assert found == [ENTERED, ("07 10:30:00", "sell", 1_000, 9.70)]


def test_without_a_quote_there_is_no_stop() -> None:
    lines = (f"{MON} 14:40 trade 10.00 1000", "14:45 ask 10.00", "14:55 trade 9.90 10000", f"{TUE} 11:00 trade 5.00")
    assert fills(*lines) == [ENTERED]


def test_the_stop_comes_before_the_exit_order_at_the_same_trade() -> None:
    found = fills(*LONG, f"{TUE} 10:05 bid 9.70", "10:30 trade 10.00 5000")
    assert found == [ENTERED, ("07 10:30:00", "sell", 1_000, 9.70)]


RISING = [f"{13 + minute // 60}:{minute % 60:02} trade {9.50 + minute / 100:.2f} 1" for minute in range(10)]
FALLING = [f"{13 + minute // 60}:{minute % 60:02} trade {10.50 - minute / 100:.2f} 1" for minute in range(10)]
"""Ten trades, a minute and a cent apart: some 600 basis points an hour; the trade of the VWAP is the eleventh."""


@pytest.mark.parametrize(
    ("prints", "settings", "side"),
    [
        (RISING, {}, []),
        (RISING, {"trend_filter_sell_enabled": False}, ["sell"]),
        (RISING, {"trend_filter_sell_threshold_bps_hr": 1_000}, ["sell"]),
        (RISING[:8], {}, ["sell"]),  # nine trades with that of the VWAP are too few
        (FALLING, {}, ["sell"]),
        (["13:00 trade 9.00 1"] * 20, {"trend_filter_sell_threshold_bps_hr": -1}, []),
    ],
)
def test_no_sell_order_on_a_day_that_rises_faster_than_the_threshold(
    prints: list[str], settings: dict[str, Any], side: list[str]
) -> None:
    found = fills(*prints, *VWAP_OF_10, "14:55 trade 10.50 10000", f"{TUE} 09:00 bid 9.90", **settings)
    assert [fill[1] for fill in found] == side


@pytest.mark.parametrize(
    ("prints", "settings", "side"),
    [
        (FALLING, {}, ["buy"]),
        (FALLING, {"trend_filter_buy_enabled": True}, []),
        (FALLING, {"trend_filter_buy_enabled": True, "trend_filter_buy_threshold_bps_hr": 1_000}, ["buy"]),
        (RISING, {"trend_filter_buy_enabled": True}, ["buy"]),
    ],
)
def test_no_buy_order_on_a_day_that_falls_faster_than_the_threshold(
    prints: list[str], settings: dict[str, Any], side: list[str]
) -> None:
    found = fills(*prints, *VWAP_OF_10, "14:55 trade 9.50 10000", f"{TUE} 09:00 bid 9.90", **settings)
    assert [fill[1] for fill in found] == side


def test_trades_at_one_time_alone_have_no_slope() -> None:
    prints = [f"14:40 trade {price} 100" for price in (9.5, 10.5) * 6]
    lines = (*prints, "14:45 bid 10.00", "14:55 trade 10.50 10000", f"{TUE} 09:00 bid 9.90")
    assert [fill[1] for fill in fills(*lines, trend_filter_sell_threshold_bps_hr=0)] == ["sell"]


def test_trades_before_the_session_make_no_trend() -> None:
    prints = [line.replace("13:", "09:") for line in RISING]
    found = fills(*prints, *VWAP_OF_10, "14:55 trade 10.50 10000", f"{TUE} 09:00 bid 9.90")
    assert [fill[1] for fill in found] == ["sell"]


def test_a_trade_without_a_price_above_zero_is_none() -> None:
    lines = ("14:40 trade 0 90000", "14:41 trade -5 90000", *LONG[1:2], "14:55 trade 0 5000", *LONG[2:])
    assert fills(LONG[0], *lines, f"{TUE} 10:00 trade 0 500") == [ENTERED]


def test_orders_of_one_price_both_fill_and_leave_nothing() -> None:
    lines = (*VWAP_OF_10, "14:55 trade 10.00 10000", f"{TUE} 10:00 trade 10.00 500", "14:55 trade 10.00 500")
    found = fills(*lines, spread_vwap_pct=0)
    assert found == [("06 14:55:00", "buy", 1_000, 10.00), ("06 14:55:00", "sell", 1_000, 10.00)]


def test_events_are_sorted_by_time_before_they_count() -> None:
    lines = (LONG[0], "14:55 trade 9.90 10000", "14:45 bid 10.00", f"{TUE} 09:00 bid 9.90")
    assert fills(*lines) == [ENTERED]
