"""Two columns: the same bits or not, what a tolerance allows, and a hash of a table."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbatch.equivalence.columns import Tolerance, digest_of, kind_of, same_kind, unequal_rows
from dbatch.errors import UsageError

EXACT = Tolerance()
NAN = float("nan")
INFINITY = float("inf")


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def unequal(left: Any, right: Any, tolerance: Tolerance = EXACT, kind: pa.DataType | None = None) -> bool:
    """Return whether two single values are found to be unequal."""
    return bool(unequal_rows(column([left], kind), column([right], kind), tolerance)[0])


# Kinds.


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (pa.string(), "string"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.float64(), "double"),
        (pa.float32(), "float"),
        (pa.int32(), "int32"),
        (pa.timestamp("ns"), "timestamp[ns]"),
        (pa.timestamp("us"), "timestamp[us]"),
        (pa.null(), "null"),
    ],
)
def test_a_kind_in_words_is_the_same_however_text_is_stored(kind: pa.DataType, said: str) -> None:
    assert kind_of(pa.chunked_array([], kind)) == said


@pytest.mark.parametrize(("left", "right"), [("int64", "double"), ("int64", "int32"), ("float", "double")])
def test_numbers_of_different_kinds_are_comparable_with_a_tolerance_only(left: str, right: str) -> None:
    assert not same_kind(left, right, EXACT)
    assert same_kind(left, right, Tolerance(atol=1e-9))


@pytest.mark.parametrize("other", ["string", "timestamp[ns]", "bool"])
def test_what_is_no_number_is_never_comparable_with_one(other: str) -> None:
    assert not same_kind("double", other, Tolerance(rtol=1.0))


def test_a_column_without_values_is_comparable_with_any() -> None:
    assert same_kind("null", "timestamp[ns]", EXACT)


# Exact.


def test_a_float_one_ulp_away_is_unequal() -> None:
    assert not unequal(16.24, 16.24)
    assert unequal(16.24, math.nextafter(16.24, 17.0))


def test_nan_equals_nan_whatever_its_bits() -> None:
    other_nan = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0]
    assert not unequal(NAN, other_nan)
    assert unequal(NAN, 0.0)


def test_the_sign_of_zero_counts() -> None:
    assert unequal(0.0, -0.0)
    assert unequal(0.0, -0.0, kind=pa.float32())
    assert not unequal(0.0, -0.0, Tolerance(atol=1e-300))


def test_32_bit_floats_are_compared_by_their_bits_too() -> None:
    assert not unequal(NAN, NAN, kind=pa.float32())
    assert unequal(1.0, 1.0 + 2**-23, kind=pa.float32())


def test_a_missing_float_is_not_nan() -> None:
    assert unequal(None, NAN, kind=pa.float64())
    assert unequal(None, NAN, Tolerance(rtol=0.5), kind=pa.float64())


@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.string(), pa.timestamp("ns"), pa.null()])
@pytest.mark.parametrize("tolerance", [EXACT, Tolerance(rtol=0.1)])
def test_missing_equals_missing_alone(kind: pa.DataType, tolerance: Tolerance) -> None:
    assert not unequal(None, None, tolerance, kind)
    if kind != pa.null():
        value = "a" if kind == pa.string() else 1
        assert unequal(None, value, tolerance, kind)
        assert unequal(value, None, tolerance, kind)


def test_a_column_of_nothing_but_missing_values_equals_only_missing_ones() -> None:
    prices = column([1.5, None], pa.float64())
    assert unequal_rows(pa.chunked_array([pa.nulls(2)]), prices, EXACT).tolist() == [True, False]


def test_a_time_is_unequal_by_one_nanosecond() -> None:
    assert unequal(1_744_624_800_000_000_000, 1_744_624_800_000_000_001, kind=pa.timestamp("ns"))


def test_large_ints_are_not_compared_as_floats() -> None:
    assert float(2**53) == float(2**53 + 1)
    assert unequal(2**53, 2**53 + 1)
    assert unequal(2**53, 2**53 + 1, Tolerance(rtol=1e-3))


def test_text_is_compared_however_it_is_stored() -> None:
    words = column(["buy", "sell", "buy"])
    coded = words.dictionary_encode()
    large = words.cast(pa.large_string())
    assert not unequal_rows(words, coded, EXACT).any()
    assert unequal_rows(coded, column(["buy", "buy", "buy"]), EXACT).tolist() == [False, True, False]
    assert not unequal_rows(large, coded, EXACT).any()


def test_where_columns_are_cut_into_pieces_does_not_matter() -> None:
    pieces = pa.chunked_array([[1.0], [], [2.0, 3.0]], pa.float64())
    assert unequal_rows(pieces, column([1.0, 2.0, 4.0]), EXACT).tolist() == [False, False, True]


def test_columns_without_rows_have_no_unequal_ones() -> None:
    assert unequal_rows(pa.chunked_array([], pa.float64()), pa.chunked_array([], pa.null()), EXACT).tolist() == []


# With a tolerance.


@pytest.mark.parametrize(
    ("left", "right", "tolerance", "apart"),
    [
        (100.0, 100.5, Tolerance(atol=0.5), False),
        (100.0, 100.5, Tolerance(atol=0.49), True),
        (100.0, 125.0, Tolerance(rtol=0.2), False),  # of the larger: 25.0
        (100.0, 125.0, Tolerance(rtol=0.19), True),
        (-100.0, 100.0, Tolerance(rtol=1.0), True),
        (INFINITY, INFINITY, Tolerance(atol=1.0), False),
        (INFINITY, -INFINITY, Tolerance(rtol=0.5), True),
        (INFINITY, 1e308, Tolerance(rtol=0.5), True),
        (1e308, -1e308, Tolerance(rtol=5.0), False),  # both the room and the distance are beyond the largest float
        (NAN, NAN, Tolerance(atol=1.0), False),
        (NAN, 1.0, Tolerance(atol=9.0), True),
    ],
)
def test_what_a_tolerance_allows(left: float, right: float, tolerance: Tolerance, apart: bool) -> None:
    assert unequal(left, right, tolerance) is apart
    assert unequal(right, left, tolerance) is apart


def test_with_a_tolerance_an_int_equals_a_float_near_it_but_no_other_int() -> None:
    assert unequal_rows(column([100]), column([100.4]), Tolerance(atol=0.5)).tolist() == [False]
    assert unequal_rows(column([100]), column([101]), Tolerance(atol=5.0)).tolist() == [True]


@pytest.mark.parametrize("value", [NAN, INFINITY, -1e-9])
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_a_tolerance_is_a_number_of_0_or_more(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name} {value}: must be a finite number, 0 or more"):
        Tolerance(**{name: value})


FLOATS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, math.nextafter(1.0, 2.0), NAN, INFINITY])
TOLERANCES = st.floats(0, 1e300) | st.sampled_from([0.0, 1e-12, 0.1, 1.0])


@given(left=FLOATS, right=FLOATS)
def test_floats_are_equal_if_and_only_if_their_bits_are(left: float, right: float) -> None:
    same = struct.pack("<d", left) == struct.pack("<d", right) or (math.isnan(left) and math.isnan(right))
    assert unequal(left, right) is not same


@given(left=FLOATS, right=FLOATS, rtol=TOLERANCES, atol=TOLERANCES, more=TOLERANCES)
def test_what_is_equal_stays_equal_with_a_larger_tolerance(
    left: float, right: float, rtol: float, atol: float, more: float
) -> None:
    if not unequal(left, right, Tolerance(rtol, atol)):
        assert not unequal(left, right, Tolerance(rtol + more, atol))
        assert not unequal(left, right, Tolerance(rtol, atol + more))


# Digests.

TABLE = {"side": ["buy", "sell"], "price": [1.5, 0.0], "shares": [100, 200]}


@pytest.mark.parametrize(
    "changes",
    [
        {"price": [1.5, -0.0]},
        {"price": [math.nextafter(1.5, 2.0), 0.0]},
        {"price": [0.0, 1.5]},
        {"price": [1.5, None]},
        {"shares": [100.0, 200.0]},
        {"shares": np.array([100, 200], np.int32)},
        {"side": ["buy", None]},
        {"side": ["buysell", ""]},
    ],
)
def test_another_value_order_or_kind_gives_another_digest(changes: dict[str, Any]) -> None:
    assert digest_of(pa.table({**TABLE, **changes})) != digest_of(pa.table(TABLE))


def test_a_missing_text_and_the_word_none_have_different_digests() -> None:
    assert digest_of(pa.table({"side": ["None"]})) != digest_of(pa.table({"side": pa.array([None], pa.string())}))


def test_pieces_metadata_and_dictionaries_do_not_change_a_digest() -> None:
    plain = pa.table(TABLE)
    pieces = pa.concat_tables([plain.slice(0, 1), plain.slice(1)]).replace_schema_metadata({"made": "elsewhere"})
    coded = pieces.set_column(0, "side", pieces.column("side").dictionary_encode())
    assert digest_of(coded) == digest_of(plain)


def test_a_table_without_rows_or_with_times_that_are_not_there_has_a_digest() -> None:
    empty = pa.table({"timestamp": pa.nulls(0)})
    holes = pa.table({"timestamp": pa.array([None, 5], pa.timestamp("ns"))})
    assert len({digest_of(empty), digest_of(holes)}) == 2
