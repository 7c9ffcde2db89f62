"""What fees do to the numbers of a job, worked by hand; engine and reference agree on them to the last bit."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dbatch.engine.fees import after_fees
from dbatch.engine.fills import Fills
from dbatch.engine.job import JobResult
from dbatch.engine.performance import Performance, performance_of
from dbatch.engine.plan import job_key
from dbatch.metrics.breakdown import fees
from dbatch.model import FeeRules, Job, Security, Source, Unit
from dbatch.reference.plain_fees import less_fees

MONDAY = 20_192
NOON = 43_200 * 10**9
RULES = FeeRules(commission_bps=10.0, commission_per_share=0.005, commission_min=1.52)


def result_of(*fills: tuple[int, float, int, float]) -> JobResult:
    """Return what a job did: (day from Monday, price, signed shares, gross P&L of the fill) each."""
    days, prices, quantities, realized = (
        (np.array(column) for column in zip(*fills, strict=True)) if fills else [[]] * 4
    )
    columns = [
        (MONDAY + np.array(days, np.int64)) * 86_400 * 10**9 + NOON,
        np.array(prices, np.float64),
        np.array(quantities, np.int64),
        np.array(realized, np.float64),
    ]
    positions, pnl = np.cumsum(columns[2]), np.cumsum(columns[3])
    made = Fills(columns[0], columns[1], columns[2], columns[3], positions, pnl)
    final = float(pnl[-1]) if len(pnl) else 0.0
    return JobResult(made, int(positions[-1]) if len(pnl) else 0, final, MONDAY + np.arange(3), 11.0, 9, 0)


ROUND_TRIP = result_of((0, 10.0, 100, 0.0), (1, 10.5, -100, 50.0))


def numbers(found: Performance) -> dict[str, Any]:
    return {**found.metrics, **found.of_fills}


def test_a_round_trip_after_a_commission_an_amount_a_share_and_a_minimum() -> None:
    net = after_fees(ROUND_TRIP, RULES)
    found = performance_of(net)
    row = numbers(found)

    # 1.00 + 0.50 is below the minimum, 1.05 + 0.50 is not
    assert net.fills.fees is not None
    assert net.fills.fees.round(12).tolist() == [1.52, 1.55]
    assert net.fills.realized.round(12).tolist() == [-1.52, 48.45]
    assert net.fills.pnl.round(12).tolist() == [-1.52, 46.93]
    assert found.daily_pnl is not None
    assert found.daily_pnl.round(12).tolist() == [-1.52, 48.45, 0.0]
    assert net.realized_pnl == row["total_pnl"] == pytest.approx(46.93, abs=1e-12)
    assert row["fees"] == pytest.approx(3.07, abs=1e-12)
    assert row["total_pnl"] + row["fees"] == pytest.approx(50.0, abs=1e-12)
    assert row["max_drawdown"] == pytest.approx(1.52)
    assert row["turnover"] == 2_050.0
    assert row["gross_profit"] == row["expectancy"] == pytest.approx(46.93)
    assert row["round_trip_return_pct"] == pytest.approx(4.693)
    mean = 46.93 / 3
    deviation = math.sqrt(((-1.52 - mean) ** 2 + (48.45 - mean) ** 2 + mean**2) / 2)
    assert row["sharpe"] == pytest.approx(mean / deviation * math.sqrt(252))


def test_fees_turn_a_small_win_into_a_loss_and_opening_decides_nothing() -> None:
    small = result_of((0, 10.0, 100, 0.0), (1, 10.01, -100, 1.0))

    before, after = (numbers(performance_of(after_fees(small, rules))) for rules in (None, RULES))

    assert (before["win_rate"], before["winning_round_trips"], before["losing_round_trips"]) == (1.0, 1, 0)
    assert (after["win_rate"], after["winning_fills"], after["losing_fills"]) == (0.0, 0, 1)
    assert (after["winning_round_trips"], after["losing_round_trips"]) == (0, 1)
    assert after["gross_loss"] == pytest.approx(1.52 + 1.52 - 1.0)  # 1.001 + 0.50 is below the minimum too


def test_closing_at_the_entry_price_has_lost_its_fee() -> None:
    flat = result_of((0, 10.0, 100, 0.0), (1, 10.0, -100, 0.0))
    one = FeeRules(commission_bps=10.0)

    assert numbers(performance_of(after_fees(flat, None)))["win_rate"] is None
    assert numbers(performance_of(after_fees(flat, one)))["win_rate"] == 0.0
    assert numbers(performance_of(after_fees(flat, one)))["total_pnl"] == -2.0


def test_an_open_position_has_paid_for_its_opening() -> None:
    bought = result_of((0, 10.0, 100, 0.0))
    row = numbers(performance_of(after_fees(bought, FeeRules(commission_per_share=0.02))))

    assert row["total_pnl"] == 98.0  # 100 shares marked from 10 to 11, less 2
    assert (row["fees"], row["round_trips"], row["win_rate"]) == (2.0, 0, None)


def test_what_a_run_says_of_fills_is_what_a_sweep_says() -> None:
    net = after_fees(result_of((0, 10.0, 100, 0.0), (1, 10.01, -150, 1.0), (2, 9.0, 50, 50.5)), RULES)

    assert net.fills.metrics()._asdict() == performance_of(net).of_fills


def test_without_rules_nothing_is_touched_and_fees_do_not_exist() -> None:
    assert after_fees(ROUND_TRIP, None) is ROUND_TRIP
    assert less_fees(ROUND_TRIP, None) is ROUND_TRIP
    assert numbers(performance_of(ROUND_TRIP))["fees"] is None


def test_rules_of_0_change_no_bit_but_fees_are_0() -> None:
    free = after_fees(ROUND_TRIP, FeeRules())

    assert free.fills.digest() == ROUND_TRIP.fills.digest()
    assert numbers(performance_of(free)) == {**numbers(performance_of(ROUND_TRIP)), "fees": 0.0}


def test_without_fills_nothing_is_paid() -> None:
    nothing = after_fees(result_of(), RULES)

    assert (nothing.realized_pnl, numbers(performance_of(nothing))["fees"]) == (0.0, 0.0)
    assert less_fees(result_of(), RULES).fills.metrics().fees == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_engine_reference_and_the_formula_give_the_same_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 200
    rows = zip(
        np.sort(rng.integers(0, 3, count)).tolist(),
        rng.uniform(0.5, 500.0, count).tolist(),
        (rng.integers(1, 10_000, count) * rng.choice([-1, 1], count)).tolist(),
        rng.normal(0.0, 1e3, count).tolist(),
        strict=True,
    )
    result = result_of(*rows)
    rules = FeeRules(*rng.uniform(0.0, 5.0, 3).tolist())
    ours, plain = after_fees(result, rules), less_fees(result, rules)

    assert ours.fills.fees is not None
    assert ours.fills.fees.tobytes() == fees(result.fills.prices, result.fills.quantities, rules).tobytes()
    assert ours.fills.digest() == plain.fills.digest()
    assert ours.fills.metrics() == plain.fills.metrics()
    assert performance_of(ours).of_fills == plain.fills.metrics()._asdict()


def test_the_comparison_can_fail() -> None:
    other = dataclasses.replace(RULES, commission_min=1.53)

    assert after_fees(ROUND_TRIP, RULES).fills.digest() != less_fees(ROUND_TRIP, other).fills.digest()


def test_fees_are_part_of_a_jobs_key_and_no_fees_leave_it_as_it_was() -> None:
    plain = job_key("common", {"size": 1})

    assert plain == job_key("common", {"size": 1}, None) == "0609468a23219b47c4c064dfc2929835"
    assert len({plain, *(job_key("common", {"size": 1}, FeeRules(value)) for value in (0, 1, 2))}) == 4
    assert job_key("common", {}, FeeRules(1)) == job_key("common", {}, FeeRules(1.0))


def test_jobs_with_fees_of_their_own_travel_in_one_unit(tmp_path: Path) -> None:
    security = Security("AAA", "AAA", Source("parquet", (str(tmp_path),)))
    rules = [None, FeeRules(1.0), FeeRules(2.0), None]
    jobs = tuple(Job(f"{n:032x}", security, "f", "AAA", {"size": n % 2}, fee) for n, fee in enumerate(rules))

    assert pickle.loads(pickle.dumps(Unit("0", jobs))).jobs == jobs
