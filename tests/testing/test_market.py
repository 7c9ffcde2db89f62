"""The made-up market has in it what the contract's tests are about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dbatch.schema import EVENT_COLUMNS
from dbatch.testing import ticks_of
from dbatch.testing.market import synthetic_ticks

TICKS = synthetic_ticks()


def test_the_same_seed_gives_the_same_events_and_another_one_others() -> None:
    pd.testing.assert_frame_equal(synthetic_ticks(5), synthetic_ticks(5), check_exact=True)

    assert not synthetic_ticks(5).equals(synthetic_ticks(6))


def test_it_is_three_days_from_before_the_session_to_after_it() -> None:
    clock = TICKS["timestamp"].dt.strftime("%H:%M").dropna()

    assert len(TICKS) == 4_500
    assert TICKS["timestamp"].dt.day_name().dropna().unique().tolist() == ["Monday", "Tuesday", "Wednesday"]
    assert (clock.min(), clock.max()) == ("09:50", "15:04")
    assert (clock < "10:00").sum() > 50
    assert (clock >= "14:55").sum() > 50


def test_it_has_the_columns_and_dtypes_of_events() -> None:
    assert list(TICKS.columns) == list(EVENT_COLUMNS)
    assert TICKS.dtypes.tolist() == ticks_of("10:00 bid 1").dtypes.tolist()


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("bids", TICKS["type"] == "bid"),
        ("asks", TICKS["type"] == "ask"),
        ("trades", TICKS["type"] == "trade"),
        ("missing types", TICKS["type"].isna()),
        ("equal times", TICKS["timestamp"].diff() == pd.Timedelta(0)),
        ("times that step back", TICKS["timestamp"].diff() < pd.Timedelta(0)),
        ("volumes of 0", TICKS["volume"] == 0),
        ("missing prices", TICKS["price"].isna()),
        ("prices of 0", TICKS["price"] == 0),
        ("prices below 0", TICKS["price"] < 0),
        ("missing times", TICKS["timestamp"].isna()),
    ],
)
def test_it_has_some(what: str, rows: pd.Series) -> None:
    assert rows.sum() >= 5, what


def test_prices_swing_by_some_per_cent_in_steps_of_a_tick() -> None:
    prices = TICKS["price"][TICKS["price"] > 0]

    assert prices.min() < 9.75
    assert prices.max() > 10.25
    assert np.array_equal(prices, prices.round(2))
