"""The compiled closing strategy equals its twin on any events, with any parameters, however the events are cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from hypothesis import HealthCheck, event, given, settings, target
from hypothesis import strategies as st

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine.job import JobResult
from dbatch.engine.order import in_order

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FIRST_DAY = 20_192 * DAY
MOST_ROWS = 300
PLACES = [32_400, 35_998, 36_598, 43_000, 50_000, 51_000, 52_198, 53_038, 53_098, 53_698, 60_000]
"""Seconds since midnight at which a stretch of events begins: the session's edges, less two seconds, and between."""

fixed = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def random_events(seed: int, rows: int) -> EventBlock:
    """Return events of some days, gathered where the rules distinguish; times tie and step back, some are missing."""
    rng = np.random.default_rng(seed)
    stretches = np.sort(rng.choice(len(PLACES), size=(MOST_ROWS // 20, 6)), axis=1)
    starts = np.array(PLACES)[stretches].ravel()
    days = np.repeat(np.cumsum(rng.choice([1, 1, 1, 3], size=MOST_ROWS // 20)), 6)
    chosen = np.sort(rng.integers(0, len(starts) // 3, size=MOST_ROWS))
    times = FIRST_DAY + days[chosen] * DAY + (starts[chosen] + rng.integers(0, 5, MOST_ROWS)) * SECOND
    times = np.where(rng.random(MOST_ROWS) < 0.02, NOT_A_TIME, times)
    kinds = rng.choice(4, p=[0.3, 0.3, 0.36, 0.04], size=MOST_ROWS).astype(np.int8)
    level = rng.choice([0.95, 9.9, 49.5]) * (
        1 + np.cumsum(rng.normal(0, 0.003, MOST_ROWS)) + rng.normal(0, 0.006, MOST_ROWS)
    )
    prices = np.where(rng.random(MOST_ROWS) < 0.95, np.round(level, 3), rng.choice([np.nan, 0.0, -1.0], MOST_ROWS))
    volumes = rng.choice([0, 1, 50, 700, 3_000, 20_000], MOST_ROWS)
    return EventBlock(times, kinds, prices, volumes).rows(slice(rows))


streams = st.builds(random_events, st.integers(0, 2**32 - 1), st.sampled_from([MOST_ROWS, MOST_ROWS, 150, 40, 1, 0]))
sections = st.fixed_dictionaries(
    {
        "vwap_preclose_period_min": st.sampled_from([15, 1, 60, 885]),
        "spread_vwap_pct": st.sampled_from([0.5, 0.1, 0.05, 2.0]),
        "order_notional": st.sampled_from([250_000, 1_234.5, 7, 1e9]),
        "stop_loss_threshold_pct": st.sampled_from([0.5, 0.0, 2.0, 0.1]),
        "trend_filter_sell_enabled": st.booleans(),
        "trend_filter_sell_threshold_bps_hr": st.sampled_from([10.0, 0.0, -500.0, 300.0]),
        "trend_filter_buy_enabled": st.booleans(),
        "trend_filter_buy_threshold_bps_hr": st.sampled_from([10.0, 0.0, -500.0, 300.0]),
        "auction_fill_pct": st.sampled_from([10.0, 100.0, 7.0, 0.0]),
        "exchange": st.sampled_from(["ADX", "DFM"]),
    }
)


def outcome(result: JobResult) -> list[tuple[Any, ...]]:
    columns = (result.fills.timestamps, result.fills.quantities, result.fills.prices, result.fills.realized)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_compiled_strategy_equals_its_twin(closing: Callable[..., JobResult], twin: ModuleType) -> None:
    seen: dict[str, int] = {}

    @fixed
    @given(streams, sections, st.sampled_from(["time", "published"]), st.lists(st.integers(0, MOST_ROWS), max_size=5))
    def holds(block: EventBlock, section: dict[str, Any], order: str, places: list[int]) -> None:
        engine_order = "unstable_time" if order == "published" else "time"
        (ordered,) = in_order([block], engine_order).blocks
        events = list(zip(*(column.tolist() for column in ordered), strict=True))
        trades = twin.Twin(**section).run([each for each in events if each[0] != NOT_A_TIME])
        for trade in trades:
            seen[trade[5]] = seen.get(trade[5], 0) + 1
        target(float(len(trades)), label="fills")
        event(f"fills: {min(len(trades), 20) // 5 * 5} or more")

        whole = closing(block, **section, event_order=order)
        signed = [(time, size if side == "buy" else -size, price, pnl) for time, side, price, size, pnl, *_ in trades]
        assert outcome(whole) == signed

        edges = [0, *sorted(min(place, len(block)) for place in places), len(block)]
        blocks = [block.rows(slice(first, last)) for first, last in pairwise(edges)]
        cut = closing(*blocks, **section, event_order=order)
        assert cut.fills.digest() == whole.fills.digest()
        assert (cut.rows, cut.rows_skipped) == (len(block), int((block.timestamps == NOT_A_TIME).sum()))

    holds()
    assert min(seen[kind] for kind in ("auction_entry", "vwap_exit", "stop_loss", "eod_flatten")) > 20, seen
