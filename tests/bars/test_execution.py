"""What orders over bars cost and where they fill: each rule with numbers worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from dbatch.data.bars import BarBlock
from dbatch.engine.job import JobResult, run_job
from dbatch.strategies import SignalStrategy, execution_of, with_execution

Bars = Callable[..., BarBlock]


class Own(NamedTuple):
    """No parameters but those of the execution."""


Parameters = with_execution(Own, capital=1_000.0, fraction=1.0)


def follow(bars: BarBlock, *targets: float, **settings: Any) -> JobResult:
    """Return what comes of these targets, one for each bar."""
    strategy = SignalStrategy(Parameters, lambda bars, _: np.array(targets[: len(bars)]), execution_of)
    return run_job(strategy, "ABC", settings, [bars])


def fills(result: JobResult) -> list[tuple[int, float]]:
    """Return (quantity, price) of each fill."""
    return list(zip(result.fills.quantities.tolist(), result.fills.prices.tolist(), strict=True))


NAN = float("nan")
UP = ((10.0, 11.0, 9.0, 10.0), (12.0, 13.0, 11.0, 12.5), (14.0, 15.0, 13.0, 14.0))


def test_an_order_fills_at_the_next_open_and_is_sized_at_the_close_that_decides(bars_of: Bars) -> None:
    result = follow(bars_of(*UP), 1, 1, 1)
    assert fills(result) == [(100, 12.0)]  # 1,000 / 10, bought at 12


def test_an_order_may_fill_at_the_close_that_decides(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, 0, 0, fill_at="close")) == [(100, 10.0), (-100, 12.5)]


def test_an_order_of_the_last_bar_never_fills_at_an_open(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 0, 0, 1)) == []


def test_an_open_position_is_marked_to_the_last_close(bars_of: Bars) -> None:
    result = follow(bars_of(*UP), 1, 1, 1)
    assert result.position == 100
    assert result.marked is not None
    assert result.marked.final == 1_000.0 + 100 * (14.0 - 12.0)


def test_the_size_is_a_share_of_the_equity_in_whole_units(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, 1, 1, fraction=0.95, capital=1_009.0))[0][0] == 95  # 958.55 / 10
    assert fills(follow(bars_of(*UP), 0.5, 0.5, 0.5))[0][0] == 50


def test_a_fixed_size_asks_for_no_equity(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), -1, -1, -1, fraction=0.0, units=7)) == [(-7, 12.0)]


def test_units_that_are_given_come_before_the_share_of_the_equity(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, 1, 1, units=7)) == [(7, 12.0)]


def test_a_changed_side_is_one_fill_through_zero_sized_at_the_marked_equity(bars_of: Bars) -> None:
    result = follow(bars_of(*UP), 1, -1, -1)
    # long 100 at 12; at 12.5 the equity is 1,050, short 84; 100 + 84 sold at 14
    assert fills(result) == [(100, 12.0), (-184, 14.0)]
    assert result.fills.realized.tolist() == [0.0, 200.0]
    assert result.fills.positions.tolist() == [100, -84]


def test_a_side_that_is_not_allowed_is_none(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), -1, -1, -1, direction="long")) == []
    assert fills(follow(bars_of(*UP), 1, -1, -1, direction="long")) == [(100, 12.0), (-100, 14.0)]


def test_a_missing_target_leaves_the_position(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, NAN, NAN)) == [(100, 12.0)]


def test_each_fill_pays_half_the_spread(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, 0, 0, spread=0.5)) == [(100, 12.25), (-100, 13.75)]


def test_slippage_is_a_share_of_the_price(bars_of: Bars) -> None:
    found = fills(follow(bars_of(*UP), 1, 0, 0, slippage_bps=100.0))
    assert found == [(100, 12.0 * 1.01), (-100, 14.0 * 0.99)]


def test_commission_is_a_share_of_the_value_of_each_fill(bars_of: Bars) -> None:
    result = follow(bars_of(*UP), 1, 0, 0, commission_bps=10.0)
    assert result.fills.realized.tolist() == pytest.approx([-1.2, 200.0 - 1.4])
    assert result.marked is not None
    assert result.marked.final == pytest.approx(1_197.4)


@pytest.mark.parametrize(
    ("settings", "paid"),
    [
        ({"commission_per_unit": 0.02}, 2.0),  # 100 units
        ({"commission_per_unit": 0.02, "commission_min": 5.0}, 5.0),
        ({"commission_per_unit": 0.2, "commission_max_pct": 1.0}, 12.0),  # 1 % of 1,200
        ({"commission_per_unit": 0.2, "commission_min": 50.0, "commission_max_pct": 1.0}, 12.0),  # the cap wins
        ({"commission_per_unit": 0.02, "commission_bps": 10.0}, 3.2),
    ],
)
def test_commission_per_unit_has_a_minimum_and_a_cap(settings: dict[str, float], paid: float, bars_of: Bars) -> None:
    assert follow(bars_of(*UP), 1, 1, 1, **settings).fills.realized.tolist() == pytest.approx([-paid])


ENTRY = (100.0, 100.0, 100.0, 100.0)  # decides at 100, the next bar opens at 100: ten units


def exit_of(bar: tuple[float, float, float, float], bars_of: Bars, side: int = 1, **settings: Any) -> list[Any]:
    """Return the fills after the entry at 100, one bar at its entry price and then `bar`."""
    return fills(follow(bars_of(ENTRY, ENTRY, bar), side, side, side, **settings))[1:]


def test_a_stop_inside_the_bar_fills_at_its_price(bars_of: Bars) -> None:
    assert exit_of((99.0, 99.5, 97.0, 99.0), bars_of, stop_loss_pct=2.0) == [(-10, 98.0)]
    assert exit_of((101.0, 103.0, 100.5, 101.0), bars_of, side=-1, stop_loss_pct=2.0) == [(10, 102.0)]


def test_a_stop_is_hit_at_its_price_and_not_a_cent_above(bars_of: Bars) -> None:
    assert exit_of((99.0, 99.5, 98.0, 99.0), bars_of, stop_loss_pct=2.0) == [(-10, 98.0)]
    assert exit_of((99.0, 99.5, 98.01, 99.0), bars_of, stop_loss_pct=2.0) == []


def test_an_open_beyond_the_stop_fills_at_the_open(bars_of: Bars) -> None:
    assert exit_of((95.0, 99.5, 94.0, 99.0), bars_of, stop_loss_pct=2.0) == [(-10, 95.0)]


def test_a_profit_inside_the_bar_fills_at_its_price_and_an_open_beyond_it_at_the_open(bars_of: Bars) -> None:
    assert exit_of((101.0, 103.5, 100.0, 101.0), bars_of, take_profit_pct=3.0) == [(-10, 103.0)]
    assert exit_of((104.0, 105.0, 100.0, 101.0), bars_of, take_profit_pct=3.0) == [(-10, 104.0)]
    assert exit_of((99.0, 99.0, 96.5, 98.0), bars_of, side=-1, take_profit_pct=3.0) == [(10, 97.0)]


def test_of_stop_and_profit_in_one_bar_the_stop_is_taken_unless_told_otherwise(bars_of: Bars) -> None:
    both = {"stop_loss_pct": 2.0, "take_profit_pct": 3.0}
    wide = (100.0, 104.0, 97.0, 100.0)
    assert exit_of(wide, bars_of, **both) == [(-10, 98.0)]
    assert exit_of(wide, bars_of, **both, both_touched="profit") == [(-10, 103.0)]
    gapped = (104.0, 105.0, 97.0, 100.0)  # the open comes first, whatever is preferred
    assert exit_of(gapped, bars_of, **both) == [(-10, 104.0)]


def test_what_fills_at_an_open_is_protected_in_that_bar(bars_of: Bars) -> None:
    found = fills(follow(bars_of(ENTRY, (100.0, 101.0, 97.0, 100.0)), 1, 1, stop_loss_pct=2.0))
    assert found == [(10, 100.0), (-10, 98.0)]


def test_what_fills_at_a_close_is_protected_from_the_next_bar_on(bars_of: Bars) -> None:
    bars = bars_of((100.0, 101.0, 90.0, 100.0), (100.0, 101.0, 97.0, 100.0))
    found = fills(follow(bars, 1, 1, stop_loss_pct=2.0, fill_at="close"))
    assert found == [(10, 100.0), (-10, 98.0)]
    assert fills(follow(bars.rows(slice(1)), 1, stop_loss_pct=2.0, fill_at="close")) == [(10, 100.0)]


def test_a_trailing_stop_follows_the_highs_of_bars_that_are_over(bars_of: Bars) -> None:
    # distance 5: stop 95; a high of 110 moves it to 105 for the next bar, not against the low of its own bar
    rows = (ENTRY, ENTRY, (100.0, 110.0, 99.0, 108.0), (108.0, 109.0, 104.0, 106.0))
    found = fills(follow(bars_of(*rows), *[1] * 4, trailing_stop_pct=5.0))
    assert found == [(10, 100.0), (-10, 105.0)]
    mirrored = (ENTRY, ENTRY, (100.0, 101.0, 90.0, 92.0), (92.0, 96.0, 91.0, 92.0))
    assert fills(follow(bars_of(*mirrored), *[-1] * 4, trailing_stop_pct=5.0)) == [(-10, 100.0), (10, 95.0)]


def test_a_stop_pays_spread_and_slippage_and_a_profit_the_spread_alone(bars_of: Bars) -> None:
    # costs move the entry's price, but what protects is counted from where the market stood: 100
    costs = {"spread": 1.0, "slippage_bps": 100.0, "fraction": 0.0, "units": 1}
    stopped = exit_of((99.0, 99.5, 97.0, 99.0), bars_of, stop_loss_pct=2.0, **costs)
    assert stopped == [(-1, pytest.approx(98.0 * 0.99 - 0.5))]
    earned = exit_of((101.0, 103.5, 100.0, 101.0), bars_of, take_profit_pct=3.0, **costs)
    assert earned == [(-1, pytest.approx(102.5))]


def test_who_was_stopped_out_waits_for_another_target(bars_of: Bars) -> None:
    rows = (ENTRY, ENTRY, (99.0, 99.5, 97.0, 99.0), ENTRY, ENTRY, ENTRY)
    found = fills(follow(bars_of(*rows), 1, 1, 1, 1, 0, 1, stop_loss_pct=2.0, fill_at="close"))
    assert found == [(10, 100.0), (-10, 98.0), (9, 100.0)]  # 980 are left


def test_a_position_too_small_for_one_unit_is_none(bars_of: Bars) -> None:
    assert fills(follow(bars_of(*UP), 1, 1, 1, capital=9.0)) == []


def test_the_equity_is_marked_bar_by_bar_with_its_deepest_fall_and_its_days(bars_of: Bars) -> None:
    flat = [(price, price, price, price) for price in (10.0, 12.0, 9.0, 11.0, 12.0, 12.0)]
    result = follow(bars_of(*flat, minutes=12 * 60), *[1] * 6, fill_at="close")  # two bars a day, 100 units
    marked = result.marked
    assert marked is not None
    assert marked.daily_pnl.tolist() == [200.0, -100.0, 100.0]
    assert (marked.depth, marked.share) == (300.0, 0.25)
    assert (marked.start, marked.trough, marked.end) == (2, 2, 4)
    assert marked.final == marked.capital + 200.0


def test_bars_of_the_warm_up_are_not_traded(bars_of: Bars) -> None:
    strategy = SignalStrategy(Parameters, lambda bars, _: np.ones(len(bars)), execution_of, warm_up=1)
    assert fills(run_job(strategy, "ABC", {}, [bars_of(*UP)])) == [(80, 14.0)]  # decided at 12.5


def test_signals_that_are_never_known_are_told_and_those_that_stand_aside_are_not(bars_of: Bars) -> None:
    assert follow(bars_of(*UP), NAN, NAN, NAN).notes == ("no fill: the signals have no value at any of 3 bars",)
    assert follow(bars_of(*UP), NAN, NAN, 0).notes == ()
    assert follow(bars_of(*UP), NAN, 1, 1).notes == ()
