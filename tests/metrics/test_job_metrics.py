"""Metrics of jobs, worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dbatch.metrics.fills import fill_metrics
from dbatch.metrics.job import JobPerformance, job_performance
from dbatch.metrics.names import METRIC_NAMES, METRIC_UNITS, JobMetrics

Make = Callable[..., Any]
WEEK = ("2025-04-14", "2025-04-15", "2025-04-16", "2025-04-17")


@pytest.fixture
def job(fills_of: Make, days_of: Make) -> Callable[..., JobPerformance]:
    """The performance of rows of fills over four days, with a capital of 10,000."""

    def performance(*rows: tuple[str, float, int, float], days: tuple[str, ...] = WEEK, **more: Any) -> JobPerformance:
        return job_performance(*fills_of(*rows), days_of(*days), **{"capital": 10_000.0, **more})

    return performance


THREE_ROUND_TRIPS = (
    (WEEK[0], 10.0, 100, 0.0),
    (WEEK[0], 11.0, -100, 100.0),  # the first round trip: 100 on 1,000
    (WEEK[1], 11.0, -200, 0.0),
    (WEEK[1], 11.5, 300, -100.0),  # the second: -100 on 2,200; 100 shares are left over and open the third
    (WEEK[3], 12.0, -100, 50.0),  # 50 on 1,150
)


def test_every_metric_of_three_round_trips_in_four_days(job: Make) -> None:
    found = job(*THREE_ROUND_TRIPS, days_per_year=256.0)

    # days 100, -100, 0, 50: mean 12.5, squares 7,656.25 + 12,656.25 + 156.25 + 1,406.25 = 21,875, falls 10,000
    deviation = (21_875 / 3) ** 0.5
    assert found.daily_pnl.tolist() == [100.0, -100.0, 0.0, 50.0]
    assert found.metrics._asdict() == {
        "fills": 5,
        "round_trips": 3,
        "realized_pnl": 50.0,
        "total_pnl": 50.0,
        "sharpe": pytest.approx(12.5 / deviation * 16, rel=1e-12),
        "sortino": 4.0,  # 12.5 / sqrt(10,000 / 4) x 16
        "annual_volatility_pct": pytest.approx(deviation * 16 / 100, rel=1e-12),
        "max_drawdown": 100.0,
        "max_drawdown_pct": pytest.approx(100 / 10_100 * 100, rel=1e-12),
        "max_drawdown_start": WEEK[1],
        "max_drawdown_trough": WEEK[1],
        "max_drawdown_end": None,
        "max_drawdown_days": 2,
        "win_rate": 2 / 3,
        "round_trip_win_rate": 2 / 3,
        "round_trip_return_pct": pytest.approx((10 - 100 / 22 + 50 / 11.5) / 3, rel=1e-12),
        "profit_factor": 1.5,
        "expectancy": pytest.approx(50 / 3, rel=1e-12),
        "turnover": 1_000 + 1_100 + 2_200 + 3_450 + 1_200.0,
        "winning_fills": 2,
        "losing_fills": 1,
        "winning_round_trips": 2,
        "losing_round_trips": 1,
        "gross_profit": 150.0,
        "gross_loss": 100.0,
        "fees": None,
    }


def test_without_fills_only_sums_and_volatility_exist(job: Make) -> None:
    nothing = dict.fromkeys(METRIC_NAMES)
    sums = ("fills", "round_trips", "realized_pnl", "total_pnl", "annual_volatility_pct")
    more = ("max_drawdown", "max_drawdown_pct", "max_drawdown_days", "turnover", "gross_profit", "gross_loss")
    counts = ("winning_fills", "losing_fills", "winning_round_trips", "losing_round_trips")

    assert job().metrics._asdict() == nothing | dict.fromkeys(sums + more + counts, 0)


def test_without_days_there_is_nothing_to_annualise(job: Make) -> None:
    found = job(days=())

    assert (found.metrics.sharpe, found.metrics.sortino, found.metrics.annual_volatility_pct) == (None, None, None)
    assert found.daily_pnl.tolist() == []


def test_counts_are_ints_and_numbers_are_floats(job: Make) -> None:
    kinds = {name: type(value) for name, value in job(*THREE_ROUND_TRIPS)[0]._asdict().items() if value is not None}

    whole = {name for name, unit in METRIC_UNITS.items() if unit in ("count", "calendar days")}
    dates = {"max_drawdown_start", "max_drawdown_trough"}
    assert kinds == {name: int if name in whole else str if name in dates else float for name in kinds}


def test_every_metric_has_a_unit_in_the_order_of_the_metrics() -> None:
    assert tuple(METRIC_UNITS) == METRIC_NAMES == JobMetrics._fields


def test_an_open_position_is_marked_at_the_last_price_from_its_average_entry(job: Make) -> None:
    bought_twice = ((WEEK[0], 10.0, 100, 0.0), (WEEK[0], 12.0, 300, 0.0), (WEEK[1], 13.0, -200, 300.0))

    found = job(*bought_twice, last_price=11.0).metrics

    assert (found.realized_pnl, found.total_pnl) == (300.0, 300.0 + 200 * (11.0 - 11.5))


def test_an_open_short_position_gains_when_the_price_falls(job: Make) -> None:
    assert job((WEEK[0], 10.0, -100, 0.0), last_price=9.0).metrics.total_pnl == 100.0


def test_after_a_fill_through_zero_the_entry_is_its_price(job: Make) -> None:
    through_zero = ((WEEK[0], 10.0, 100, 0.0), (WEEK[0], 12.0, -150, 200.0))

    assert job(*through_zero, last_price=11.0).metrics.total_pnl == 250.0


def test_without_a_last_price_an_open_position_has_no_total(job: Make) -> None:
    assert job((WEEK[0], 10.0, 100, 0.0)).metrics.total_pnl is None


def test_a_position_held_over_night_earns_on_the_day_it_is_closed_and_nothing_before(job: Make) -> None:
    assert job((WEEK[0], 10.0, 100, 0.0), (WEEK[2], 11.0, -100, 100.0)).daily_pnl.tolist() == [0.0, 0.0, 100.0, 0.0]


def test_a_day_with_fills_but_no_prints_counts_as_a_day(job: Make, days_of: Make) -> None:
    found = job((WEEK[0], 10.0, 100, 0.0), (WEEK[1], 11.0, -100, 100.0), days=(WEEK[0], WEEK[2]))

    assert found.days.tolist() == days_of(*WEEK[:3]).tolist()
    assert found.daily_pnl.tolist() == [0.0, 100.0, 0.0]


def test_a_time_that_goes_back_to_another_day_adds_to_that_day(job: Make) -> None:
    rows = ((WEEK[0], 10.0, 9, 1.0), (WEEK[1], 10.0, 9, 2.0), (WEEK[0], 10.0, 9, 4.0), (WEEK[1], 10.0, 9, 8.0))

    assert job(*rows).daily_pnl.tolist() == [5.0, 10.0, 0.0, 0.0]


def test_midnight_belongs_to_the_day_that_begins(fills_of: Make, days_of: Make) -> None:
    columns = list(fills_of((WEEK[0], 10.0, 100, 1.0), (WEEK[1], 10.0, 100, 2.0)))
    days = days_of(*WEEK[:2])
    columns[0] = np.array([days[1] * 86_400_000_000_000 - 1, days[1] * 86_400_000_000_000])

    assert job_performance(*columns, days).daily_pnl.tolist() == [1.0, 2.0]


def test_days_before_1970_are_days_too(fills_of: Make, days_of: Make) -> None:
    found = job_performance(*fills_of(("1969-12-30", 10.0, 100, -1.0)), days_of("1969-12-30", "1969-12-31"))

    assert found.daily_pnl.tolist() == [-1.0, 0.0]
    assert (found.metrics.max_drawdown_start, found.metrics.max_drawdown_days) == ("1969-12-30", 1)


def test_a_drawdown_lasts_from_the_first_fill_below_the_peak_to_the_first_one_back_at_it(job: Make) -> None:
    pnl = ((0, 5.0), (1, -1.0), (2, -3.0), (3, 4.0))  # 5, 4, 1, 5
    found = job(*((WEEK[day], 10.0, 100, earned) for day, earned in pnl)).metrics

    assert (found.max_drawdown, found.max_drawdown_days) == (4.0, 2)
    assert found[METRIC_NAMES.index("max_drawdown_start") :][:3] == WEEK[1:]


def test_of_two_drawdowns_of_one_depth_the_first_is_dated(job: Make) -> None:
    pnl = ((0, -2.0), (1, 2.0), (2, -2.0), (3, 2.0))
    found = job(*((WEEK[day], 10.0, 100, earned) for day, earned in pnl)).metrics

    assert (found.max_drawdown_start, found.max_drawdown_end) == (WEEK[0], WEEK[1])


def test_the_percentage_is_of_the_equity_at_the_peak_and_may_be_of_another_drawdown(job: Make) -> None:
    pnl = ((0, -1_000.0), (1, 11_000.0), (2, -1_500.0))  # 10 % of 10,000, then 7.5 % of 20,000
    found = job(*((WEEK[day], 10.0, 100, earned) for day, earned in pnl)).metrics

    assert (found.max_drawdown, found.max_drawdown_pct, found.max_drawdown_start) == (1_500.0, 10.0, WEEK[2])


def test_a_partial_close_ends_no_round_trip(job: Make) -> None:
    found = job((WEEK[0], 10.0, 100, 0.0), (WEEK[0], 11.0, -50, 50.0), (WEEK[0], 9.0, -50, -50.0)).metrics

    assert (found.round_trips, found.win_rate) == (1, 0.5)
    assert (found.round_trip_win_rate, found.expectancy, found.profit_factor) == (None, 0.0, None)


def test_the_return_of_a_round_trip_is_of_all_that_it_opened(job: Make) -> None:
    found = job((WEEK[0], 10.0, 50, 0.0), (WEEK[0], 30.0, 50, 0.0), (WEEK[0], 22.0, -100, 200.0)).metrics

    assert found.round_trip_return_pct == 10.0


def test_what_an_open_position_realised_is_no_round_trip_yet(job: Make) -> None:
    found = job((WEEK[0], 10.0, 100, 0.0), (WEEK[0], 11.0, -50, 50.0)).metrics

    assert (found.realized_pnl, found.round_trips, found.expectancy) == (50.0, 0, None)


def test_a_round_trip_off_zero_by_rounding_neither_wins_nor_loses(job: Make) -> None:
    entry = (1.11 * 300 + 1.11 * 700) / 1_000  # 1.1100000000000003
    lost = (1.11 - entry) * 1_000
    assert lost < 0.0

    found = job((WEEK[0], 1.11, 300, 0.0), (WEEK[0], 1.11, 700, 0.0), (WEEK[0], 1.11, -1_000, lost)).metrics

    assert (found.round_trips, found.round_trip_win_rate, found.profit_factor, found.sharpe) == (1, None, None, None)


def test_without_a_losing_round_trip_there_is_no_profit_factor(job: Make) -> None:
    found = job((WEEK[0], 10.0, 100, 0.0), (WEEK[0], 11.0, -100, 100.0)).metrics

    assert (found.profit_factor, found.round_trip_win_rate) == (None, 1.0)


def test_a_number_too_large_for_a_float_does_not_exist(job: Make) -> None:
    assert job((WEEK[0], 1e308, 100, 0.0)).metrics.turnover is None


def test_win_rate_drawdown_and_turnover_are_those_of_fill_metrics(fills_of: Make, days_of: Make) -> None:
    columns = fills_of(*THREE_ROUND_TRIPS)
    found = job_performance(*columns, days_of(*WEEK)).metrics
    simple = fill_metrics(columns[1], columns[2], columns[3], columns[5])

    assert (found.win_rate, found.max_drawdown, found.turnover, found.fees) == simple
