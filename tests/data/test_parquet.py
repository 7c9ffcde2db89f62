"""Parquet files of every type and shape: what is read, exactly, and what is refused with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.data.check import check_path
from dbatch.data.decimals import nearest_floats, whole_numbers
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.errors import DataError, SchemaError
from dbatch.model import Security

TEN = 1_744_624_800  # 2025-04-14 10:00 in seconds
Write = Callable[..., Path]


@pytest.fixture
def parquet(tmp_path: Path) -> Write:
    """Writes `aaa.parquet` with `rows` events a second apart, some columns changed or added."""

    def write(rows: int = 4, *, options: dict[str, Any] | None = None, **changed: Any) -> Path:
        columns = {
            "timestamp": pa.array([TEN + row for row in range(rows)]).cast(pa.timestamp("s")),
            "type": ["bid"] * rows,
            "price": [1.5] * rows,
            "volume": list(range(rows)),
        }
        path = tmp_path / "aaa.parquet"
        pq.write_table(pa.table(columns | changed), path, **(options or {}))
        return path

    return write


def read(security: Security) -> EventBlock:
    return EventBlock(*(np.concatenate(columns) for columns in zip(*read_events(security, 3), strict=True)))


def only_one(path: Path) -> EventBlock:
    (security,) = open_market(path).securities
    return read(security)


def volumes(path: Path) -> dict[str, list[int]]:
    return {security.name: read(security).volumes.tolist() for security in open_market(path).securities}


# Numbers


@pytest.mark.parametrize(
    "kind", [pa.decimal128(18, 4), pa.decimal128(38, 22), pa.decimal128(38, 25), pa.decimal256(50, 4)], ids=str
)
def test_a_decimal_price_is_the_float_nearest_to_it(parquet: Write, kind: pa.DataType) -> None:
    prices = pa.array([Decimal("16.2400"), None, Decimal("-0.0700"), Decimal("12345678.9012")], kind)
    np.testing.assert_array_equal(only_one(parquet(price=prices)).prices, [16.24, np.nan, -0.07, 12345678.9012])


@pytest.mark.parametrize("scale", [0, 2, 22, 23, 37])
def test_random_decimals_are_the_nearest_floats_in_whole_columns_and_in_slices(scale: int) -> None:
    draw = np.random.default_rng(20250414)
    for most in (2**53 - 1, 2**53 + 3, 10**18):  # the first have one division each, the others go by their text
        wholes = [*draw.integers(-most, most, 300).tolist(), most, -most, None]
        decimals = [None if whole is None else Decimal(whole).scaleb(-scale) for whole in wholes]
        expected = [None if decimal is None else float(decimal) for decimal in decimals]
        column = pa.array(decimals, pa.decimal128(38, scale))
        assert nearest_floats(column).to_pylist() == expected
        assert nearest_floats(column.slice(7, 100)).to_pylist() == expected[7:107]
        assert nearest_floats(column.slice(7, 0)).to_pylist() == []


def test_a_decimal_volume_loses_its_fraction_and_nothing_else(parquet: Write) -> None:
    kept = [Decimal(2**53 + 1), Decimal("1.99999999999"), Decimal(1), Decimal("-1.5")]
    path = parquet(volume=pa.array(kept, pa.decimal128(38, 11)))
    assert only_one(path).volumes.tolist() == [2**53 + 1, 1, 1, -1]


@pytest.mark.parametrize("kind", [pa.decimal128(38, 11), pa.decimal256(60, 11), pa.decimal128(19, 0)], ids=str)
def test_whole_numbers_end_where_64_bits_do(kind: pa.DataType) -> None:
    half = Decimal("0.5") if kind.scale else Decimal(0)
    numbers = [Decimal(2**63 - 1) + half, Decimal(2**63), Decimal(-(2**63)) - half, Decimal(-(2**63) - 1), None]
    assert whole_numbers(pa.array(numbers, kind)).to_pylist() == [2**63 - 1, None, -(2**63), None, None]


@pytest.mark.parametrize(
    "beyond",
    [
        pa.array([1e19, -1e30, 3.0, np.inf, 2.0**63, -np.inf]),
        pa.array([2**63, 2**64 - 1, 3, None, 2**63, 2**63], pa.uint64()),
        pa.array([Decimal(2**63), Decimal(10**30), Decimal(3), None, Decimal(2**64), Decimal(-(10**30))]),
    ],
    ids=lambda beyond: str(beyond.type),
)
def test_a_volume_beyond_64_bits_is_missing(parquet: Write, beyond: pa.Array) -> None:
    assert only_one(parquet(6, volume=beyond)).volumes.tolist() == [0, 0, 3, 0, 0, 0]


def test_the_largest_volume_is_kept(parquet: Write) -> None:
    assert only_one(parquet(1, volume=pa.array([2**63 - 1], pa.uint64()))).volumes.tolist() == [2**63 - 1]
    assert only_one(parquet(1, volume=[2.0**63 - 1024])).volumes.tolist() == [2**63 - 1024]


def test_a_check_reads_decimals_and_zones_as_a_run_does(parquet: Write) -> None:
    prices = pa.array([Decimal("16.24"), None, Decimal(-1), Decimal(2)], pa.decimal128(18, 4))
    shares = pa.array([Decimal("1.5"), Decimal(2**63), Decimal(3), Decimal(-1)], pa.decimal128(25, 4))
    in_dubai = pa.array([TEN] * 4, pa.timestamp("s", "Asia/Dubai"))
    (outcome,) = check_path(parquet(price=prices, volume=shares, timestamp=in_dubai))
    assert outcome.report is not None
    assert outcome.report.first == "2025-04-14T14:00:00"
    assert outcome.report.unusable == {
        "price is empty": 1,
        "volume has a fraction, which is cut off": 1,
        "volume is beyond 64 bits": 1,
        "volume is negative": 1,
    }


# Securities


def test_integers_name_securities_by_their_text(parquet: Write) -> None:
    path = parquet(5, ticker=pa.array([7203, 9984, None, 7203, 9984]), options={"row_group_size": 2})
    assert volumes(path) == {"7203": [0, 3], "9984": [1, 4]}


def test_values_of_one_name_in_any_spelling_are_one_security(parquet: Write) -> None:
    path = parquet(6, ticker=["B UH Equity", "b", "NA", None, " ", " B DH Equity "], options={"row_group_size": 1})
    assert volumes(path) == {"B": [0, 1, 5], "NA": [2]}


def test_a_file_of_a_folder_may_spell_its_security_in_several_ways(parquet: Write) -> None:
    path = parquet(ticker=["B UH Equity", "b", None, ""])
    assert volumes(path.parent) == {"AAA": [0, 1, 2, 3]}


def test_nested_columns_beside_it_do_not_hide_rows_of_a_security(parquet: Write) -> None:
    nested = pa.array([{"a": "x", "b": "z"}] * 4)
    columns = {"note": nested, "ticker": ["A", "A", "B", "B"]}
    path = parquet(options={"row_group_size": 2}, **columns)
    table = pq.read_table(path).select(["note", "ticker", "timestamp", "type", "price", "volume"])
    pq.write_table(table, path, row_group_size=2)
    assert volumes(path) == {"A": [0, 1], "B": [2, 3]}


@pytest.mark.parametrize("values", [[b"A"] * 4, [1.0] * 4, [True] * 4], ids=["bytes", "floats", "booleans"])
def test_other_types_name_no_securities(parquet: Write, values: list[object]) -> None:
    with pytest.raises(SchemaError, match=r"aaa\.parquet: column 'Ticker' is \w+, must be text or integers"):
        open_market(parquet(Ticker=values))


# Columns


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()], ids=str)
def test_columns_that_are_ignored_may_have_one_name(parquet: Write, kind: pa.DataType) -> None:
    path = parquet()
    table = pq.read_table(path).append_column("x", pa.array(["1"] * 4)).append_column("x", pa.array([1] * 4).cast(kind))
    pq.write_table(table, path)
    assert only_one(path).volumes.tolist() == [0, 1, 2, 3]


def test_two_columns_of_one_meaning_are_refused_with_the_file(parquet: Write) -> None:
    with pytest.raises(SchemaError, match=r"aaa\.parquet: columns 'timestamp' and 'Time' both mean timestamp"):
        only_one(parquet(Time=[1, 2, 3, 4]))


@pytest.mark.parametrize("column", ["type", "ticker"])
def test_text_that_is_damaged_is_refused_with_the_file(parquet: Write, column: str) -> None:
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False, "store_schema": False}
    path = parquet(options=options, **{column: ["ABCDEF"] * 4})
    path.write_bytes(path.read_bytes().replace(b"ABCDEF", b"ABC\xffEF"))
    with pytest.raises(DataError, match=r"^[^\n]*aaa\.parquet: [^\n]+$"):
        only_one(path)


def test_types_in_bytes_are_refused(parquet: Write) -> None:
    kinds = pa.array([b"bid"] * 4).dictionary_encode()
    with pytest.raises(SchemaError, match=r"aaa\.parquet: column 'type' is dictionary<.*binary.*>, must be text"):
        only_one(parquet(type=kinds))
