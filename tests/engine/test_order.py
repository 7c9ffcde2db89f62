"""Events in the order that a strategy asks for: by time, ties as the source or as numpy's default sort has them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.engine import order
from dbatch.engine.order import in_order

# More than 16, which numpy's default sort would leave in their order.
TIES = [7, 3, 5, 3, 1, 5, 5, 2, 7, 1, 3, 3, 6, 4, 4, 0, 2, 6, 1, 5, 7, 0, 3, 2, 6, 4, 1, 0, 5, 3]

PERMUTATION = [
    27,
    21,
    15,
    18,
    4,
    26,
    9,
    23,
    16,
    7,
    10,
    11,
    22,
    3,
    1,
    29,
    25,
    14,
    13,
    28,
    19,
    6,
    5,
    2,
    12,
    24,
    17,
    20,
    8,
    0,
]


def events(times: list[int], *, fixed: bool = False) -> EventBlock:
    """Return events at `times` whose volumes are their rows."""
    rows = len(times)
    columns = (np.array(times, np.int64), np.zeros(rows, np.int8), np.ones(rows), np.arange(rows))
    for column in columns:
        column.flags.writeable = not fixed
    return EventBlock(*columns)


def rows_of(blocks: list[EventBlock], how: str) -> list[int]:
    return [row for block in in_order(blocks, how).blocks for row in block.volumes.tolist()]


def test_the_order_of_time_keeps_equal_times_as_the_source_has_them() -> None:
    assert rows_of([events([5, 3, 5, 3, 4])], "time") == [1, 3, 4, 0, 2]


def test_events_that_are_in_order_are_given_as_they_came() -> None:
    block = events([1, 1, 2])
    assert in_order([block], "time").blocks[0] is block


def test_the_unstable_order_is_that_of_numpys_default_sort_of_datetimes() -> None:
    """Worked once with numpy 2.4.6; another answer means that published results no longer come out."""
    found = rows_of([events(TIES)], "unstable_time")
    assert [TIES[row] for row in found] == sorted(TIES)
    assert found == PERMUTATION
    assert found != rows_of([events(TIES)], "time")


@pytest.mark.parametrize("how", ["time", "unstable_time"])
@pytest.mark.parametrize("cuts", [(1,), (3, 3, 17), (0, 29), tuple(range(30))])
def test_where_blocks_are_cut_changes_no_order(how: str, cuts: tuple[int, ...]) -> None:
    whole = events([*TIES[:20], NOT_A_TIME, *TIES[20:]])
    edges = [0, *cuts, len(whole)]
    blocks = [whole.rows(slice(first, last)) for first, last in pairwise(edges)]
    assert rows_of(blocks, how) == rows_of([whole], how)
    assert len(in_order(blocks, how).blocks) == len(blocks)


@pytest.mark.parametrize("how", ["time", "unstable_time"])
def test_rows_without_a_time_are_left_out_and_counted(how: str) -> None:
    found = in_order([events([2, NOT_A_TIME, 1]), events([NOT_A_TIME, 0])], how)
    assert found.untimed == 2
    assert [row for block in found.blocks for row in block.timestamps.tolist()] == [0, 1, 2]


def test_a_row_without_a_time_ahead_of_rising_ones_is_left_out() -> None:
    found = in_order([events([NOT_A_TIME, 1, 2])], "time")
    assert (found.untimed, found.blocks[0].timestamps.tolist()) == (1, [1, 2])


def test_what_nobody_can_write_to_is_put_in_order_once(monkeypatch: pytest.MonkeyPatch) -> None:
    block = events(TIES, fixed=True)
    first = in_order([block.rows(slice(None))], "time")
    monkeypatch.setattr(order, "_sorted", None)
    assert in_order([block.rows(slice(None))], "time") is first


def test_what_may_be_written_to_is_put_in_order_anew() -> None:
    block = events([2, 1])
    assert rows_of([block], "time") == [1, 0]
    block.timestamps[:] = [1, 2]
    assert rows_of([block], "time") == [0, 1]


@pytest.mark.parametrize("how", ["time", "unstable_time"])
def test_no_events_are_in_any_order(how: str) -> None:
    assert in_order([], how) == order.Ordered([], 0)
