"""The deepest falls of an equity, against the obvious way to find them."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from dbatch.sim.equity import Falls, no_falls, with_equity

CAPITAL = 100.0


def falls_of(equities: list[float]) -> Falls:
    falls = no_falls.py_func(CAPITAL)
    for bar, equity in enumerate(equities):
        falls = with_equity.py_func(falls, equity, bar)
    return falls


def test_a_fall_has_its_first_bar_below_the_peak_its_deepest_and_the_one_that_is_back() -> None:
    falls = falls_of([100.0, 110.0, 105.0, 99.0, 108.0, 110.0, 109.0])
    assert (falls.depth, falls.share) == (11.0, 1.0 - 99.0 / 110.0)
    assert (falls.start, falls.trough, falls.end, falls.under) == (2, 3, 5, 6)


def test_a_fall_that_is_not_made_good_has_no_end() -> None:
    falls = falls_of([90.0, 95.0, 80.0])
    assert (falls.start, falls.trough, falls.end) == (0, 2, -1)


def test_the_deepest_in_currency_need_not_be_the_deepest_as_a_share() -> None:
    falls = falls_of([100.0, 50.0, 1_000.0, 900.0])
    assert (falls.depth, falls.share) == (100.0, 0.5)
    assert (falls.start, falls.trough) == (3, 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(1.0, 200.0), max_size=60))
def test_depth_and_share_are_those_of_all_pairs(equities: list[float]) -> None:
    falls = falls_of(equities)
    peak, depth, share = CAPITAL, 0.0, 0.0
    for equity in equities:
        peak = max(peak, equity)
        depth, share = max(depth, peak - equity), max(share, 1.0 - equity / peak)
    assert falls.depth == depth
    assert math.isclose(falls.share, share, rel_tol=1e-12, abs_tol=1e-13)
