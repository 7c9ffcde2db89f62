"""What is said about fills that are not what they must be; handmade, for the engine makes few of them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dbatch.schema import FILL_DTYPES
from dbatch.testing import Outcome
from dbatch.testing.fill_checks import price_fault, schema_fault, sum_fault, time_fault
from dbatch.testing.outcome import difference
from dbatch.testing.single import block_of_ticks
from dbatch.testing.ticks import ticks_of

NAN = float("nan")


def outcome_of(**changes: Any) -> Outcome:
    """Return a purchase of 100 at 10.00 and the sale of 50 at 10.10, with columns changed."""
    columns = {
        "timestamp": pd.to_datetime(["2025-01-06 10:00", "2025-01-06 10:01"]),
        "side": ["buy", "sell"],
        "fill_price": [10.0, 10.1],
        "fill_qty": [100, 50],
        "realized_pnl": [0.0, 5.0],
        "position": [100, 50],
        "pnl": [0.0, 5.0],
    }
    dtypes = {name: dtype for name, dtype in FILL_DTYPES.items() if name not in changes}
    fills = pd.DataFrame({**columns, **changes}).astype(dtypes)
    return Outcome(fills, 50, 5.0, "digest")


def test_sound_fills_have_no_fault() -> None:
    events = block_of_ticks(ticks_of("10:00 bid 1", "10:01 bid 1", "10:02 bid 1"))

    sound = outcome_of()

    assert [schema_fault(sound), price_fault(sound), sum_fault(sound), time_fault(sound, events)] == [None] * 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fill_qty": [100.0, 50.0]}, "columns are {'timestamp': 'datetime64[ns]'"),
        ({"reason": ["quote", "stop"]}, "'reason': "),
        (
            {"side": pd.Series(["buy", "SELL"], dtype=FILL_DTYPES["side"])},
            "fill 1: side is 'SELL', must be buy or sell",
        ),
        ({"fill_qty": [100, 0]}, "fill 1: fill_qty is 0, must be above 0; the side says which way"),
        ({"fill_price": [NAN, 1.0]}, "fill 0: fill_price is nan, must be a finite number"),
        ({"realized_pnl": [0.0, float("inf")]}, "fill 1: realized_pnl is inf, must be a finite number"),
        ({"pnl": [0.0, -float("inf")]}, "fill 1: pnl is -inf, must be a finite number"),
    ],
)
def test_a_value_that_is_not_of_the_schema_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in (schema_fault(outcome_of(**changes)) or "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"position": [100, 49]}, "fill 1: sell 50 after 100 gives 50, its position is 49"),
        ({"position": [-100, 50]}, "fill 0: buy 100 after 0 gives 100, its position is -100"),
        ({"pnl": [0.0, 5.1]}, "fill 1: realized_pnl adds up to 5.0, its pnl is 5.1"),
        ({"pnl": [0.0, NAN]}, "fill 1: realized_pnl adds up to 5.0, its pnl is nan"),
    ],
)
def test_a_position_or_pnl_that_does_not_follow_is_named(changes: dict[str, Any], said: str) -> None:
    assert sum_fault(outcome_of(**changes)) == said


def test_the_pnl_may_be_off_by_what_another_order_of_additions_makes() -> None:
    assert sum_fault(outcome_of(pnl=[0.0, 5.0 + 5e-7])) is None


@pytest.mark.parametrize("price", [0.0, -1.0, NAN])
def test_a_price_that_is_not_above_zero_is_named(price: float) -> None:
    assert (price_fault(outcome_of(fill_price=[10.0, price])) or "").startswith(f"fill 1 is at {price}; ")


def test_a_time_that_no_event_has_is_named() -> None:
    events = block_of_ticks(ticks_of("10:00 bid 1", "10:02 bid 1"))

    assert time_fault(outcome_of(), events) == "fill 1 is at 2025-01-06 10:01:00, when there is no event"


def test_the_first_fill_that_differs_is_shown_from_both_sides() -> None:
    other = outcome_of(fill_price=[10.0, 10.2])

    found = difference(outcome_of(), Outcome(other.fills, 50, 5.0, "another"))

    assert found == (
        "2 fills against 2; the first that differs is fill 1: "
        "2025-01-06 10:01:00 sell 50 at 10.1 (realized 5.0, position 50, pnl 5.0), against "
        "2025-01-06 10:01:00 sell 50 at 10.2 (realized 5.0, position 50, pnl 5.0)"
    )


def test_a_fill_that_only_one_has_is_shown_against_none() -> None:
    first = outcome_of()

    found = difference(first, Outcome(first.fills.iloc[:1], 100, 0.0, "another"))

    assert found is not None
    assert found.startswith("2 fills against 1; the first that differs is fill 1: 2025-01-06 10:01:00 sell 50")
    assert found.endswith(", against none")


def test_other_positions_of_the_same_fills_are_shown() -> None:
    first = outcome_of()

    found = difference(first, Outcome(first.fills, 60, 5.0, "digest"))

    assert found == "2 fills against 2, the same; position 50 against 60, realized P&L 5.0 against 5.0"


def test_equal_outcomes_have_no_difference() -> None:
    assert difference(outcome_of(), outcome_of()) is None
