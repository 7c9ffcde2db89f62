"""A plain handler's state as one row of scalars."""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.engine.job import Seen
from dbatch.replay.state import MAX_ITEMS, read_plain
from dbatch.strategies import OrderBook


def read(state: dict[Any, Any], book: OrderBook | None = None) -> dict[str, Any]:
    none = EventBlock(np.empty(0, "int64"), np.empty(0, "int8"), np.empty(0), np.empty(0, "int64"))
    return read_plain(Seen(none, state, orderbook=book))


class Colour(Enum):
    red = 1


class Pair(NamedTuple):
    left: int
    right: float


@dataclass(slots=True)
class Slotted:
    size: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (5, 5),
        (1.5, 1.5),
        ("text", "text"),
        (None, None),
        (np.int32(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (2**70, str(2**70)),
        ("x" * 300, "x" * 199 + "…"),
        (Decimal("1.25"), 1.25),
        (Colour.red, "red"),
        (dt.date(2025, 4, 14), "2025-04-14"),
        (dt.time(10, 0), "10:00:00"),
        (dt.timedelta(seconds=60), "0:01:00"),
        (dt.datetime(2025, 4, 14, 10), np.datetime64("2025-04-14T10:00", "ns")),
        (dt.datetime(2025, 4, 14, 10, tzinfo=dt.UTC), np.datetime64("2025-04-14T10:00", "ns")),
        (dt.datetime.min, "0001-01-01 00:00:00"),
        (pd.Timestamp("2025-04-14 10:00:00.000000001"), np.datetime64("2025-04-14T10:00:00.000000001", "ns")),
        (pd.Timestamp("2025-04-14 10:00", tz="Asia/Dubai"), np.datetime64("2025-04-14T10:00", "ns")),
        (pd.NaT, None),
        (np.datetime64("2025-04-14", "D"), np.datetime64("2025-04-14", "ns")),
        (np.datetime64("NaT"), None),
    ],
)
def test_a_scalar_stands_under_its_name(value: Any, expected: Any) -> None:
    found = read({"value": value})

    assert found == {"value": expected}
    assert type(found["value"]) is type(expected)


def test_what_is_nested_has_dotted_names() -> None:
    state = {"pair": Pair(1, 2.5), "slots": Slotted(3), "inner": {"deep": {4: "four"}}}

    assert read(state) == {"pair.left": 1, "pair.right": 2.5, "slots.size": 3, "inner.deep.4": "four"}


@pytest.mark.parametrize(
    "value", [[1, 2, 3], (1, 2, 3), {1, 2, 3}, deque([1, 2, 3]), np.zeros(3), pd.DataFrame({"a": [1, 2, 3]}), b"abc"]
)
def test_what_has_a_length_is_its_length(value: Any) -> None:
    assert read({"value": value}) == {"value.len": 3}


def test_a_huge_mapping_is_its_length() -> None:
    assert read({"value": dict.fromkeys(range(MAX_ITEMS + 1))}) == {"value.len": MAX_ITEMS + 1}


def test_what_lies_in_itself_or_too_deep_ends() -> None:
    cycle: dict[str, Any] = {"size": 1}
    cycle["again"] = cycle
    deep: dict[str, Any] = {"end": 1}
    for _ in range(10):
        deep = {"in": deep}

    assert read({"cycle": cycle, "deep": deep}) == {"cycle.size": 1, "cycle.again.len": 2, "deep.in.in.in.in.len": 1}


def test_functions_classes_and_modules_are_left_out() -> None:
    assert read({"f": len, "c": dict, "l": lambda: 1}) == {}


def test_the_best_of_the_orderbook_comes_first() -> None:
    book = OrderBook()
    book.set_bid(10.0, 500)

    assert read({"orderbook": {"bid": {"price": 9.0}}}, book) == {
        "orderbook.bid.price": 10.0,
        "orderbook.bid.volume": 500,
        "orderbook.ask.price": None,
        "orderbook.ask.volume": None,
        "state.orderbook.bid.price": 9.0,
    }
