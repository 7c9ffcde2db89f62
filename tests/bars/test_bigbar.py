"""BigBar against its slow twin over other data and parameters, and its rules one by one."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dbatch.data.bars import BarBlock
from dbatch.engine.bars.job import run_bar_jobs
from dbatch.engine.job import JobResult, run_job
from dbatch.errors import MissingDataError
from dbatch_bars.bigbar import WARM_UP, create_bigbar_handler, restricted_bars
from dbatch_bars.trades import trade_table

Walk = Callable[..., BarBlock]
Rows = list[tuple[float, float, float, float]]


def run(bars: BarBlock, **section: Any) -> JobResult:
    return run_job(create_bigbar_handler({}), "ABC", section, [bars])


def trades_of(bars: BarBlock, **section: Any) -> list[tuple[Any, ...]]:
    table = trade_table(run(bars, **section).fills, bars.timestamps, first=WARM_UP)
    return list(table[["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL"]].itertuples(False, None))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("atr", "k", "uptail", "previous", "buffer"),
    [(20, 20, 7, 1, 1), (10, 10, 9, 1, 1), (1, 5, 10, 0, 0), (150, 8, 9, 2, 50), (30, 12, 5, 3, 10)],
)
def test_trades_and_equity_are_those_of_the_twin(
    seed: int, atr: int, k: int, uptail: int, previous: int, buffer: int, random_bars: Walk, bar_twins: ModuleType
) -> None:
    bars = random_bars(seed, 700, minutes=(5, 60, 240)[seed % 3], begin=(100.0, 3_000.0, 90_000.0)[seed % 3])
    names = ("atr_period", "k_atr_int", "uptail_max_ratio_int", "previous_weight_int", "buffer_ratio_int")
    section = dict(zip(names, (atr, k, uptail, previous, buffer), strict=True))
    trades, equity = bar_twins.bigbar_trades(bars, atr, k, uptail, previous, buffer)
    assert trades_of(bars, **section) == trades
    marked = run(bars, **section).marked
    assert marked is not None
    assert marked.final == equity[-1]
    peaks = np.maximum.accumulate(np.array([100_000.0, *equity]))[1:]
    assert marked.share == pytest.approx((1.0 - np.array(equity) / peaks).max(), rel=1e-12, abs=1e-15)


def test_the_twin_trades_on_what_it_is_given(random_bars: Walk, bar_twins: ModuleType) -> None:
    assert len(bar_twins.bigbar_trades(random_bars(0, 700, minutes=5), 10, 10, 9, 1, 1)[0]) > 20


def test_sets_together_give_what_each_gives_alone(random_bars: Walk) -> None:
    bars = random_bars(7, 900, minutes=5)
    sections = [{"atr_period": atr, "k_atr_int": k} for atr in (5, 10, 20) for k in (8, 12)] * 2
    together = run_bar_jobs(create_bigbar_handler({}), sections, [bars])
    for section, result in zip(sections, together, strict=True):
        alone = run(bars, **section)
        assert result.fills.digest() == alone.fills.digest()
        assert result.marked is not None
        assert alone.marked is not None
        assert result.marked.daily_pnl.tolist() == alone.marked.daily_pnl.tolist()
        assert result.marked[3:] == alone.marked[3:]


QUIET = (100.0, 100.5, 99.5, 100.0)
RISE = (100.0, 100.6, 99.9, 100.5)  # three of these weigh (1 + 2 + 3) x 0.5 = 3.0
BIG = (100.5, 104.0, 100.4, 103.8)  # body 3.3, size 3.6; the weight is 3.0 / 3.3 = 0.91


def week(*rows: tuple[float, float, float, float], lead: int = 130, rest: int = 20) -> Rows:
    """Return quiet bars, then `rows`, then quiet bars: a minute each, all in one week."""
    return [QUIET] * lead + list(rows) + [QUIET] * rest


def entry_of(bars_of: Walk, *rows: tuple[float, float, float, float], **section: Any) -> list[tuple[int, int]]:
    """Return (size, entry bar) of the first trade."""
    return [(size, entry) for size, entry, *_ in trades_of(bars_of(*week(*rows)), **section)][:1]


def test_a_big_bar_with_the_weight_of_those_before_is_bought_at_its_close(bars_of: Walk) -> None:
    bars = bars_of(*week(RISE, RISE, RISE, BIG))
    fills = run(bars).fills
    assert (fills.prices[0], fills.quantities[0]) == (103.8, int(100_000 / 103.8))
    assert np.searchsorted(bars.timestamps, fills.timestamps[0]) == 133


@pytest.mark.parametrize(
    ("section", "enters"),
    [
        ({"previous_weight_int": 9}, True),  # 0.909 >= 0.9
        ({"previous_weight_int": 10}, False),
        ({"uptail_max_ratio_int": 1}, True),  # the tail of 0.2 is below 0.36
        ({"uptail_max_ratio_int": 0}, False),
        ({"k_atr_int": 33}, True),  # 3.6 >= 3.3 x 1.089
        ({"k_atr_int": 34}, False),
    ],
)
def test_each_threshold_decides(section: dict[str, int], enters: bool, bars_of: Walk) -> None:
    assert bool(entry_of(bars_of, RISE, RISE, RISE, BIG, **section)) is enters


def test_a_bar_as_large_as_the_threshold_enters(bars_of: Walk) -> None:
    # with a period of 1 the mean range is the bar's own: 3.6 >= 1 x 3.6
    assert entry_of(bars_of, RISE, RISE, RISE, BIG, atr_period=1, k_atr_int=10)
    assert not entry_of(bars_of, RISE, RISE, RISE, BIG, atr_period=1, k_atr_int=11)


def test_nothing_is_entered_before_the_period_and_five_bars_more(bars_of: Walk) -> None:
    # the big bar is bar 133 - 99 = 34 after the warm-up: period 29 may enter there, 30 may not
    assert entry_of(bars_of, RISE, RISE, RISE, BIG, atr_period=29) == [(963, 34)]
    assert entry_of(bars_of, RISE, RISE, RISE, BIG, atr_period=30) == []


def after_entry(bars_of: Walk, *rows: tuple[float, float, float, float]) -> list[float]:
    """Return exit bar, counted from the entry, and exit price of the first trade after the big bar."""
    _, entry, exit_, _, price, _ = trades_of(bars_of(*week(RISE, RISE, RISE, BIG, *rows)))[0]
    return [exit_ - entry, price]


def test_the_first_bar_after_must_close_higher_and_go_beyond(bars_of: Walk) -> None:
    assert after_entry(bars_of, (103.8, 105.0, 103.5, 103.8)) == [1, 103.8]  # no rise
    assert after_entry(bars_of, (103.8, 104.0, 103.5, 103.9)) == [1, 103.9]  # not beyond 104.0
    assert after_entry(bars_of, (103.8, 105.0, 90.0, 104.9), (104.9, 106.0, 104.8, 105.5))[0] > 1  # lows do not matter


def test_from_the_second_bar_on_a_low_at_or_below_the_one_before_closes(bars_of: Walk) -> None:
    first = (103.8, 105.0, 103.7, 104.9)
    assert after_entry(bars_of, first, (104.9, 106.0, 103.7, 105.5)) == [2, 105.5]
    assert after_entry(bars_of, first, (104.9, 106.0, 103.8, 105.5), (105.5, 106.0, 103.75, 105.0)) == [3, 105.0]


def test_the_first_stop_is_a_hundredth_of_the_entry_bar_below_the_first_low_whatever_the_buffer(bars_of: Walk) -> None:
    # low 103.7 - 0.01 x 3.6 = 103.664 lies below the low before, which the trail is; a gap down closes by either
    first = (103.8, 105.0, 103.7, 104.9)
    assert after_entry(bars_of, first, (104.9, 106.0, 103.65, 105.5)) == [2, 105.5]


def test_positions_are_closed_and_none_is_opened_in_the_last_six_bars_of_a_week(bars_of: Walk) -> None:
    rising = [(104.0 + i, 106.0 + i, 103.9 + i, 105.0 + i) for i in range(20)]
    rows = [QUIET] * 130 + [RISE, RISE, RISE, BIG, *rising]
    trades = trades_of(bars_of(*rows))
    assert [(entry, exit_) for _, entry, exit_, *_ in trades] == [(34, len(rows) - 6 - WARM_UP)]
    assert trades_of(bars_of(*[QUIET] * 130, RISE, RISE, RISE, BIG, *rising[:5])) == []  # the sixth bar from the end


def test_a_week_is_monday_to_sunday_and_its_ends_are_six_bars(bars_of: Walk) -> None:
    bars = bars_of(*[QUIET] * 30, minutes=12 * 60)  # from Monday on, two bars a day: weeks of 14, 14 and 2
    found = restricted_bars(bars)
    assert found[:14].tolist() == [1.0] * 6 + [0.0] * 2 + [1.0] * 6
    assert found[14:28].tolist() == found[:14].tolist()
    assert found[28:].tolist() == [1.0, 1.0]


def test_a_position_has_at_least_one_unit(bars_of: Walk) -> None:
    rows = [tuple(2_000.0 * price for price in row) for row in week(RISE, RISE, RISE, BIG)]
    assert run(bars_of(*rows)).fills.quantities[0] == 1


def test_fewer_bars_than_the_warm_up_are_no_data(bars_of: Walk) -> None:
    with pytest.raises(MissingDataError, match="needs more than 99 bars to warm up, the data has 99"):
        run(bars_of(*[QUIET] * 99))
    assert len(run(bars_of(*[QUIET] * 100)).fills) == 0


def test_shorts_are_longs_in_a_mirror(bars_of: Walk) -> None:
    rows = week(RISE, RISE, RISE, BIG, (103.8, 105.0, 103.5, 103.8))
    mirrored = [(200.0 - o, 200.0 - low, 200.0 - high, 200.0 - c) for o, high, low, c in rows]
    long, short = trades_of(bars_of(*rows))[0], trades_of(bars_of(*mirrored))[0]
    assert (long[1:3], long[0] > 0) == (short[1:3], short[0] < 0)
