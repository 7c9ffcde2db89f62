"""Compiled strategies equal their twins on any events, with any parameters, however the events are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings, target
from hypothesis import strategies as st

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine.job import JobResult

STRATEGIES = ("v1_baseline", "v2_price_follow_qty_cooldown", "v2_1_stop_loss", "v3_liquidity_monitor")
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FIRST_DAY = 20_192 * DAY
BID, ASK, TRADE, OTHER = 0, 1, 2, 3

fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,  # 36 small faults, put into the twins one at a time, were all found within 70
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


def at(text: str, day: int = 0) -> int:
    """Return "HH:MM:SS" on the day-th day as nanoseconds since 1970."""
    hours, minutes, seconds = map(int, text.split(":"))
    return FIRST_DAY + day * DAY + ((hours * 60 + minutes) * 60 + seconds) * SECOND


def block_of(*rows: tuple[int, int, float, int]) -> EventBlock:
    """Return rows of (timestamp, kind, price, volume) as a block."""
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    dtypes = (np.int64, np.int8, np.float64, np.int64)
    return EventBlock(*(np.array(column, dtype) for column, dtype in zip(columns, dtypes, strict=True)))


def outcome(result: JobResult) -> tuple[Any, ...]:
    """Return all that a result says, its fills bit for bit."""
    pnl = np.float64(result.realized_pnl).tobytes()
    return (
        [column.tolist() for column in result.fills.columns],
        result.fills.digest(),
        (result.position, pnl, result.market_dates, result.rows, result.rows_skipped),
    )


PRICES = (9.97, 9.98, 9.99, 10.0, 10.0, 10.01, 10.02, 10.03)
VOLUMES = (0, 1, 50, 200, 200, 1_000, 3_000, 10_000)
UNPRICED = (float("nan"), 0.0, -1.0)
PLACES = ("09:59:58", "10:04:58", "14:44:58", "14:54:58")
MOST_ROWS = 400
STEPS = (0, 0, 0, 0, 1, 1, 2, 5, 30, -1, -2)


def random_events(seed: int, rows: int) -> EventBlock:
    """Return events that visit what the rules distinguish: a stream of fewer rows is the head of a longer one.

    Prices lie on a few ticks so that quotes trade, with some missing or not above zero; times tie and step back
    and gather where the session's windows begin. A day may have no morning, no evening, or no events at all.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice([BID, ASK, TRADE, OTHER], p=[0.31, 0.31, 0.34, 0.04], size=MOST_ROWS)
    prices = np.where(rng.random(MOST_ROWS) < 0.96, rng.choice(PRICES, MOST_ROWS), rng.choice(UNPRICED, MOST_ROWS))
    volumes = rng.choice(VOLUMES, MOST_ROWS)
    times = np.empty(MOST_ROWS, np.int64)
    day, place, now = 0, 0, at(PLACES[0])
    for row, (chance, step) in enumerate(zip(rng.random(MOST_ROWS), rng.choice(STEPS, MOST_ROWS), strict=True)):
        if chance < (0.04, 0.02, 0.2, 0.2)[place]:
            place = int(rng.integers(place + 1, 6))  # 4 and 5 are the next day's
            if place >= 4:
                day, place = day + int(rng.choice([1, 1, 3, -1])), int(rng.choice([0, 0, 1, 2, 3]))
            now = at(PLACES[place], day)
        now += int(step) * SECOND
        times[row] = now
    times[rng.random(MOST_ROWS) < 0.02] = NOT_A_TIME
    return EventBlock(times, kinds.astype(np.int8), prices, volumes).rows(slice(rows))


streams = st.builds(random_events, st.integers(0, 2**32 - 1), st.integers(0, MOST_ROWS))


@st.composite
def sections(draw: st.DrawFn, strategy: str) -> dict[str, Any]:
    """Draw a security's parameters."""
    sizes = st.sampled_from((777, 100, 5_000, 1, 0))
    section = {
        "quote_size": draw(sizes),
        "quote_size_bid": draw(st.none() | sizes),
        "quote_size_ask": draw(st.none() | sizes),
        "refill_interval_sec": draw(st.sampled_from((0, 0.5, 1, 2, 3.0, 30, 100_000))),
        "max_position": draw(st.sampled_from((2_000_000, 1_500, 150, 0))),
        "max_notional": draw(st.sampled_from((None, 5.0, 900.0, 12_345.6, 1e6))),
        "min_local_currency_before_quote": draw(st.sampled_from((0, 499.5, 1_996.0, 2_000.0, 25_000))),
    }
    if strategy == "v2_1_stop_loss":
        section["stop_loss_threshold_pct"] = draw(st.sampled_from((0.1, 0.05, 0.0, 0.25, 2.0)))
    return section


def cut_at(block: EventBlock, places: Sequence[int]) -> list[EventBlock]:
    """Return `block` cut before each of `places`; a place given twice makes an empty piece."""
    edges = [0, *sorted(min(place, len(block)) for place in places), len(block)]
    return [block.rows(slice(first, last)) for first, last in pairwise(edges)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_compiled_strategy_equals_its_twin(pair: Callable[[str], Any], strategy: str) -> None:
    both = pair(strategy)

    @fixed
    @given(streams, sections(strategy), st.lists(st.integers(0, MOST_ROWS), max_size=6))
    def holds(block: EventBlock, section: dict[str, Any], places: list[int]) -> None:
        expected, state = both.run_twin(section, block)
        whole = both.run(section, block)
        target(float(len(whole.fills)), label="fills")
        event(f"fills: {min(len(whole.fills), 50) // 10 * 10} or more")
        assert outcome(whole) == outcome(expected)
        assert whole.market_dates == len(state.get("market_dates", ()))
        assert whole.fills.days() == len(state.get("strategy_dates", ()))
        assert outcome(both.run(section, *cut_at(block, places))) == outcome(whole)

    holds()


BUSY = {
    "quote_size": 1_000,
    "refill_interval_sec": 20,
    "max_position": 5_000,
    "max_notional": 60_000.0,
    "min_local_currency_before_quote": 2_000,
}


@pytest.mark.parametrize("pieces", [1, 700])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_compiled_strategy_equals_its_twin_over_busy_days(
    pair: Callable[[str], Any], busy_days: EventBlock, strategy: str, pieces: int
) -> None:
    section = dict(BUSY)
    if strategy == "v2_1_stop_loss":
        section["stop_loss_threshold_pct"] = 0.1
    places = np.random.default_rng(pieces).integers(0, len(busy_days), size=pieces - 1).tolist()

    result = pair(strategy).run(section, *cut_at(busy_days, places))

    expected, state = pair(strategy).run_twin(section, busy_days)
    assert outcome(result) == outcome(expected)
    assert result.market_dates == len(state["market_dates"]) == 8
    reasons = [trade["reason"] for trade in state["trades"]]
    assert reasons.count("quote") > 100
    assert reasons.count("flatten") > 0
    assert (reasons.count("stop") > 0) == (strategy == "v2_1_stop_loss")


@pytest.mark.parametrize(
    "change",
    [
        {"refill_interval_sec": 21},
        {"quote_size_ask": 999},
        {"max_position": 4_000},
        {"min_local_currency_before_quote": 7_500},
        {"stop_loss_threshold_pct": 0.2},
    ],
)
def test_the_comparison_sees_one_changed_parameter(
    pair: Callable[[str], Any], busy_days: EventBlock, change: dict[str, Any]
) -> None:
    both = pair("v2_1_stop_loss")
    section = {**BUSY, "stop_loss_threshold_pct": 0.1}
    assert outcome(both.run_twin({**section, **change}, busy_days)[0]) != outcome(both.run(section, busy_days))


STOPPED = {
    "quote_size": 1_000,
    "refill_interval_sec": 60,
    "max_position": 1_000,
    "min_local_currency_before_quote": 0,
    "stop_loss_threshold_pct": 2.0,
}
A_STOP_CUT_SHORT = (
    (at("14:40:00"), BID, 10.00, 500),
    (at("14:40:01"), TRADE, 10.00, 1_500),  # 500 ahead of us, then our 1,000: long 1,000 at 10.00
    (at("14:44:58"), ASK, 9.62, 1_000),  # mid 9.81: 1.9 per cent below 10.00, no stop yet
    (at("14:44:59"), BID, 9.50, 400),  # mid 9.56: the stop sells the 400 displayed, 600 stay pending
    (at("14:55:00"), TRADE, 9.60, 1),  # the end of the day sells the 600
)


def test_a_pending_stop_that_survives_the_flatten_trades_from_flat_the_next_day(
    pair: Callable[[str], Any],
) -> None:
    block = block_of(
        *A_STOP_CUT_SHORT,
        (at("10:00:00", day=1), BID, 9.70, 5_000),  # the 600 still pending are sold again: short 600
    )
    both = pair("v2_1_stop_loss")
    for fills in (both.run(STOPPED, block).fills, both.run_twin(STOPPED, block)[0].fills):
        assert fills.quantities.tolist() == [1_000, -400, -600, -600]
        assert fills.prices.tolist() == [10.00, 9.50, 9.60, 9.70]
        assert fills.positions.tolist() == [1_000, 600, 0, -600]
        assert fills.realized.tolist() == pytest.approx([0.0, -200.0, -240.0, 0.0])


def test_a_pending_stop_stops_quotes_and_fills_until_its_side_is_displayed(
    pair: Callable[[str], Any],
) -> None:
    block = block_of(
        *A_STOP_CUT_SHORT,
        (at("10:00:00", day=1), ASK, 9.72, 5_000),
        (
            at("10:00:01", day=1),
            TRADE,
            9.99,
            9_000,
        ),  # above the ask of yesterday, which still stands: no fill
    )
    both = pair("v2_1_stop_loss")
    for fills in (both.run(STOPPED, block).fills, both.run_twin(STOPPED, block)[0].fills):
        assert fills.quantities.tolist() == [1_000, -400, -600]
