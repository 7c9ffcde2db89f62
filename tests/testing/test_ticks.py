"""Ticks in words: what a line means, and what is said about one that means nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from dbatch.errors import UsageError
from dbatch.schema import EVENT_COLUMNS
from dbatch.testing import ticks_of


def times(*lines: str) -> list[str]:
    return ticks_of(*lines)["timestamp"].astype(str).tolist()


def test_lines_become_events_in_their_order() -> None:
    found = ticks_of("10:00:02 bid 10.00 500", "10:00:01 ask 10.05 0", "10:00:01 trade 9.995 200")

    stamps = ["2025-01-06T10:00:02", "2025-01-06T10:00:01", "2025-01-06T10:00:01"]
    expected = pd.DataFrame(
        {
            "timestamp": np.array(stamps, "datetime64[ns]"),
            "type": ["bid", "ask", "trade"],
            "price": [10.0, 10.05, 9.995],
            "volume": np.array([500, 0, 200], np.int64),
        }
    ).astype({"type": object})
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_no_lines_are_no_events_of_the_same_columns() -> None:
    found = ticks_of()

    assert len(found) == 0
    assert list(found.columns) == list(EVENT_COLUMNS)
    assert found.dtypes.tolist() == ticks_of("10:00 bid 1").dtypes.tolist()


def test_a_line_without_a_volume_has_a_thousand_shares() -> None:
    assert ticks_of("10:00 bid 10.00", "10:00 bid 10.00 0")["volume"].tolist() == [1_000, 0]


def test_a_date_holds_until_the_next_one() -> None:
    lines = ("9:59 bid 1", "2025-02-03 10:00 bid 1", "10:01 bid 1", "2025-02-01 10:00 bid 1", "10:02 bid 1")

    days = [moment[:10] for moment in times(*lines)]

    assert days == ["2025-01-06", "2025-02-03", "2025-02-03", "2025-02-01", "2025-02-01"]


def test_the_first_date_is_a_monday() -> None:
    assert ticks_of("10:00 bid 1")["timestamp"].dt.day_name().tolist() == ["Monday"]


def test_a_fraction_of_a_second_is_kept_to_the_nanosecond() -> None:
    found = ticks_of("10:00:00.5 bid 1", "10:00:00.000000001 bid 1")["timestamp"]

    midnight = pd.Timestamp("2025-01-06").value
    assert found.astype("int64").tolist() == [midnight + 36_000_500_000_000, midnight + 36_000_000_000_001]


def test_types_may_be_upper_case_and_volumes_grouped() -> None:
    found = ticks_of("10:00 TRADE 10.00 1_000_000")

    assert (found["type"].tolist(), found["volume"].tolist()) == (["trade"], [1_000_000])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "must have a time, a type, a price and at most a volume"),
        ("10:00 bid", "must have a time, a type, a price and at most a volume"),
        ("10:00 bid 10.00 5 6", "must have a time, a type, a price and at most a volume"),
        ("2025-01-06", "must have a time, a type, a price and at most a volume"),
        ("10 bid 10.00", "the time is '10', must be one such as 10:00:01"),
        ("24:00 bid 10.00", "the time is '24:00'"),
        ("10:60 bid 10.00", "the time is '10:60'"),
        ("10:00:60 bid 10.00", "the time is '10:00:60'"),
        ("10:00:00.0000000001 bid 10.00", "the time is '10:00:00.0000000001'"),
        ("10:00 bit 10.00", "the type is 'bit', must be bid, ask or trade"),
        ("10:00 bid 10,00", "the price is '10,00', must be a number such as 10.05"),
        ("10:00 bid nan", "the price is 'nan'"),
        ("10:00 bid 10.00 1.5", "the volume is '1.5', must be a whole number of shares, 0 or more"),
        ("10:00 bid 10.00 -1", "the volume is '-1'"),
        ("10:00 bid 10.00 9223372036854775808", "the volume is"),
        ("2025-02-30 10:00 bid 10.00", "'2025-02-30' is no date, must be one such as 2025-01-06"),
        ("1677-12-31 10:00 bid 10.00", "'1677-12-31' must lie between the years 1678 and 2261"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_what_would_be_right(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ticks_of("10:00 bid 10.00", line)

    assert str(caught.value).startswith(f"line 2, {line!r}: ")
    assert said in str(caught.value)
    assert str(caught.value).endswith("a line is [YYYY-MM-DD ]HH:MM[:SS[.fraction]] bid|ask|trade PRICE [VOLUME]")


def test_a_list_of_lines_is_no_line() -> None:
    with pytest.raises(UsageError, match=r"line 1, .*: is list, must be text"):
        ticks_of(["10:00 bid 10.00"])


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, dbatch.testing as t; assert dir(t) == sorted(t.__all__); print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"pandas", "numpy", "numba", "pyarrow", "dask", "pytest", "pydantic"}
    assert not set(finished.stdout.split()) & heavy
