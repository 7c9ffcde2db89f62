"""The plain reader against the engine's, on Parquet: the same bits wherever both read; what it takes and refuses."""

from __future__ import annotations

import ast
import gzip
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dbatch.reference
from dbatch.data.blocks import EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.data.sample import sample_path
from dbatch.errors import DataError, SchemaError
from dbatch.model import Security, Source, Window
from dbatch.reference.plain_read import read_whole

Same = Callable[..., list[int]]
Write = Callable[..., Path]
ALL = Window()
NOON_13_APRIL = 20191 * 86_400 + 43_200  # seconds
HEADER = "timestamp,type,price,volume\n"


def events(rows: int = 4, **changed: Any) -> dict[str, Any]:
    """The columns of `rows` events, 12 hours apart from noon of 13 April 2025."""
    seconds = [NOON_13_APRIL + 43_200 * row for row in range(rows)]
    return {
        "timestamp": pa.array(seconds, pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp("ns")),
        "type": [["bid", " ASK", "Trade", "odd"][row % 4] for row in range(rows)],
        "price": [10 + row / 8 for row in range(rows)],
        "volume": list(range(rows)),
    } | changed


@pytest.fixture
def parquet(tmp_path: Path) -> Write:
    """Writes `aaa.parquet` with these events, some columns changed."""

    def write(rows: int = 4, *, options: dict[str, Any] | None = None, **changed: Any) -> Path:
        path = tmp_path / "aaa.parquet"
        pq.write_table(pa.table(events(rows, **changed)), path, **(options or {}))
        return path

    return write


def plain(path: Path | str, window: Window = ALL) -> EventBlock:
    (security,) = open_market(path).securities
    return read_whole(security, window)


def named(path: Path, kind: Any, **source: Any) -> Security:
    return Security("AAA", "AAA", Source(kind, (str(path),), **source))


# Of the reader itself


def test_it_takes_no_code_from_the_engines_readers() -> None:
    folder = Path(dbatch.reference.__file__).parent
    taken: set[tuple[str, str]] = set()
    for module in folder.glob("plain_*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                taken |= {(alias.name, "") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                taken |= {(str(node.module), alias.name) for alias in node.names}
    from_data = {name for module, name in taken if module.startswith("dbatch.data")}
    assert from_data == {"EventBlock", "NOT_A_TIME", "OTHER", "BarBlock", "bar_block", "members_of"}
    assert not [module for module, _ in taken if module.split(".")[0] in ("dask", "distributed", "fastexcel")]


def test_the_comparison_sees_a_price_that_is_off_by_the_smallest_step(
    parquet: Write, assert_same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by_a_step(*arguments: Any) -> Iterator[EventBlock]:
        for block in read_events(*arguments):
            yield block._replace(prices=np.nextafter(block.prices, 99.0))

    path = parquet()
    assert_same(path)
    monkeypatch.setattr("dbatch.data.read.read_events", off_by_a_step)
    with pytest.raises(AssertionError, match="prices"):
        assert_same(path)


@pytest.mark.parametrize(
    ("window", "rows"),
    [
        (Window(), [0, 1, 2, 3, 4, 5]),
        (Window(start_day=20192), [1, 2, 3]),
        (Window(end_day=20191), [0]),
        (Window(20192, 20192), [1, 2]),
        (Window(only_trades=True), [2, 4]),
        (Window(20192, None, True), [2]),
    ],
)
def test_a_window_has_both_its_days_and_no_row_without_a_time(parquet: Write, window: Window, rows: list[int]) -> None:
    times = [*(np.arange(4) * 43_200 + NOON_13_APRIL).tolist(), None, None]  # 13th, 14th twice, 15th
    kinds = ["bid", "ask", "trade", None, "TRADE", "bid"]
    path = parquet(6, timestamp=pa.array(times, pa.timestamp("s")), type=kinds)
    assert plain(path, window).volumes.tolist() == rows


# Parquet


def test_the_sample_is_read_the_same(assert_same: Same) -> None:
    assert min(assert_same(sample_path())) > 1_000


def test_real_ticks_are_read_the_same(golden: Path, assert_same: Same) -> None:
    assert min(assert_same(golden / "ticks", windows=(ALL, Window(20200, 20230, True)), rows=100_000)) > 30_000


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Dubai", "America/New_York", "-03:30"])
def test_times_of_any_unit_and_zone(parquet: Write, assert_same: Same, unit: str, zone: str | None) -> None:
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    winter_before_1970_and_summer = [1762063200 * a_second, None, -5 * a_second - 1, 1744624800 * a_second + 1]
    times = pa.array(winter_before_1970_and_summer, pa.timestamp(unit, zone))
    assert assert_same(parquet(timestamp=times)) == [4]


@pytest.mark.parametrize(
    "kinds",
    [
        pa.array([" BID", "ask\t", None, "odd"]),
        pa.array([" BID", "ask\t", None, "odd"], pa.large_string()),
        pa.array(["bid", "BID", None, ""]).dictionary_encode(),
        pa.array(["Trade", "bid", "Trade", None]).cast(pa.dictionary(pa.int8(), pa.large_string())),
    ],
    ids=lambda kinds: str(kinds.type),
)
def test_types_as_text_and_as_dictionaries(parquet: Write, assert_same: Same, kinds: pa.Array) -> None:
    assert assert_same(parquet(type=kinds)) == [4]


def test_a_dictionary_that_changes_from_row_group_to_row_group(tmp_path: Path, assert_same: Same) -> None:
    halves = [["bid", "ask", "bid", "x"], ["trade", "bid", None, "trade"]]
    tables = [pa.table(events(type=pa.array(half).dictionary_encode())) for half in halves]
    pq.write_table(pa.concat_tables(tables), tmp_path / "aaa.parquet", row_group_size=4)
    assert assert_same(tmp_path) == [8]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int8(), pa.uint32(), pa.int64(), pa.uint64()])
@pytest.mark.parametrize("column", ["price", "volume"])
def test_numbers_of_any_width_with_and_without_nulls(
    parquet: Write, assert_same: Same, column: str, kind: pa.DataType
) -> None:
    assert assert_same(parquet(3, **{column: pa.array([0, 7, 100], kind)})) == [3]
    assert assert_same(parquet(3, **{column: pa.array([0, None, 100], kind)})) == [3]


def test_integers_beyond_what_a_float_holds(parquet: Write, assert_same: Same) -> None:
    large = pa.array([2**53 + 1, 2**62 + 1, -(2**53) - 1, None])
    path = parquet(price=large, volume=large)
    assert_same(path)
    assert plain(path).volumes.tolist() == [2**53 + 1, 2**62 + 1, -(2**53) - 1, 0]
    assert plain(path).prices[0] == 2.0**53


def test_odd_floats(parquet: Write, assert_same: Same) -> None:
    assert_same(parquet(price=[np.nan, np.inf, -0.0, 5e-324], volume=[np.nan, -np.inf, 1.9, -1.9]))


@pytest.mark.parametrize("kind", [pa.decimal128(18, 4), pa.decimal128(38, 11), pa.decimal256(60, 30)], ids=str)
def test_decimals(parquet: Write, assert_same: Same, kind: pa.DataType) -> None:
    decimals = pa.array([Decimal("16.24"), None, Decimal("-0.07"), Decimal("10000000000000.9999")], kind)
    assert assert_same(parquet(price=decimals, volume=decimals)) == [4]


def test_integers_as_securities(parquet: Write, assert_same: Same) -> None:
    assert assert_same(parquet(5, ticker=pa.array([7203, None, 9984, 7203, 7203], pa.int32()))) == [3, 1]


def test_a_security_spelled_in_several_ways(parquet: Write, assert_same: Same) -> None:
    assert assert_same(parquet(6, ticker=["B UH Equity", " b", "", None, "a", "B"])) == [1, 3]


@pytest.mark.parametrize("layout", ["column", "partitions", "parts", "folder"])
def test_layouts_of_several_securities(tmp_path: Path, assert_same: Same, layout: str) -> None:
    tickers = ["AAA UH Equity", "NA", "null"]
    if layout == "column":
        mixed = pa.table(events(9, Symbol=[*tickers, *tickers[::-1], *tickers]))
        pq.write_table(mixed, tmp_path / "all.parquet", row_group_size=2)
    for number, ticker in enumerate(tickers):
        if layout == "partitions":
            folder = tmp_path / f"security={ticker}"
            folder.mkdir()
            pq.write_table(pa.table(events(3 + number)), folder / "part-1.parquet")
            pq.write_table(pa.table(events(2, price=[7, 8])), folder / "part-0.parquet")
        elif layout == "parts":
            ordered = [ticker, tickers[number - 1], None]
            pq.write_table(pa.table(events(3, ticker=ordered)), tmp_path / f"part-0{number}.parquet")
        elif layout == "folder":
            pq.write_table(
                pa.table(events(3 + number, security=[ticker] * (3 + number))), tmp_path / f"{ticker}.parquet"
            )
    counts = assert_same(tmp_path / "all.parquet" if layout == "column" else tmp_path)
    assert counts == {"column": [3] * 3, "partitions": [5, 6, 7], "parts": [2] * 3, "folder": [3, 4, 5]}[layout]


def test_columns_go_by_any_of_their_names_and_others_are_left_alone(tmp_path: Path, assert_same: Same) -> None:
    table = pa.table(events(price_2=["x"] * 4, **{"a.b": [1] * 4}))
    renamed = table.rename_columns([" DATES ", "Type", "PRICE ", "Qty", "price_2", "a.b"])
    pq.write_table(renamed.select([4, 3, 2, 1, 0, 5]), tmp_path / "aaa.parquet", write_page_checksum=True)
    assert assert_same(tmp_path) == [4]


def test_urls_are_read_the_same(assert_same: Same) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    with memory.open("/plain/aaa.parquet", "wb") as file:
        pq.write_table(pa.table(events()), file)
    with memory.open("/plain/bbb.csv.gz", "wb") as file:
        file.write(gzip.compress((HEADER + "2025-04-14 10:00,bid,1.5,2\n").encode()))
    assert assert_same("memory://plain") == [4, 1]


# What the rules say, in the plain reader's words


def test_a_decimal_is_the_float_nearest_to_it(parquet: Write) -> None:
    price = pa.array([Decimal("16.2400"), None, Decimal("-0.0700"), Decimal("12345678.9012")], pa.decimal128(18, 4))
    np.testing.assert_array_equal(plain(parquet(price=price)).prices, [16.24, np.nan, -0.07, 12345678.9012])


def test_a_volume_in_decimals_loses_its_fraction_and_nothing_else(parquet: Write) -> None:
    volume = pa.array([Decimal(2**53 + 1), Decimal("1.99999999999"), Decimal(1), Decimal(2**63)], pa.decimal128(38, 11))
    assert plain(parquet(volume=volume)).volumes.tolist() == [2**53 + 1, 1, 1, 0]


@pytest.mark.parametrize(
    "volume", [pa.array([1e19, -1e30, 3.0, np.inf]), pa.array([2**63, 2**64 - 1, 3, 0], pa.uint64())]
)
def test_volumes_beyond_64_bits_are_missing(parquet: Write, assert_same: Same, volume: pa.Array) -> None:
    path = parquet(volume=volume)
    assert_same(path)
    assert plain(path).volumes.tolist() == [0, 0, 3, 0]


def test_the_value_of_a_security_column_is_its_text(parquet: Write) -> None:
    path = parquet(ticker=[7203, 9984, 7203, 7203])
    assert read_whole(named(path, "parquet", only=("7203",)), ALL).volumes.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": ["2025-04-14"] * 4},
        {"timestamp": pa.array([0] * 4, pa.date32())},
        {"timestamp": pa.array([2**62, 0, 0, 0], pa.timestamp("us"))},
        {"type": [0, 1, 2, 0]},
        {"type": pa.array([b"bid"] * 4).dictionary_encode()},
        {"price": ["1.5"] * 4},
        {"price": [True] * 4},
        {"volume": ["1"] * 4},
        {"volume": pa.nulls(4)},
        {"time": [0] * 4},
        {"Ticker": ["A", "B", "A", "A"]},
        {"Ticker": [1.0] * 4},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_other_types_and_columns_are_refused_with_the_file(parquet: Write, changed: dict[str, Any]) -> None:
    security = named(parquet(**changed), "parquet")
    for read in (lambda: read_whole(security, ALL), lambda: list(read_events(security))):
        with pytest.raises(SchemaError, match=r"^[^\n]*aaa\.parquet: [^\n]+$"):
            read()


@pytest.mark.parametrize("kind", ["parquet", "csv", "excel"])
def test_a_file_that_is_not_what_it_is_called_or_not_there_is_named(tmp_path: Path, kind: str) -> None:
    (tmp_path / "broken").write_bytes(b"PAR1\xff\xfe nothing")
    for name in ("broken", "absent"):
        with pytest.raises(DataError, match=rf"^[^\n]*{name}: [^\n]+$"):
            read_whole(named(tmp_path / name, kind, sheets=("ADIB",) if kind == "excel" else ()), ALL)


def test_a_flipped_byte_is_refused_where_pages_have_checksums(parquet: Write) -> None:
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    path = parquet(5_000, options=options)
    damaged = bytearray(path.read_bytes())
    damaged[3_000] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match=r"aaa\.parquet"):
        read_whole(named(path, "parquet"), ALL)


TYPES = ("BID", " ask ", "Trade", "SALE", "", "\tTRADE", "null")


def at(unit: str) -> st.SearchStrategy[int]:
    """Times of this unit, in the years 1685 to 2255."""
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return st.integers(-9 * 10**9 * a_second, 9 * 10**9 * a_second)


def shifted(scale: int) -> Callable[[int], Decimal]:
    """Makes the last `scale` digits of a whole number those behind the point."""
    return lambda whole: Decimal(f"{whole}e-{scale}")


@st.composite
def frames(draw: st.DrawFn) -> pa.Table:
    """A table of events in random types, with nulls, with or without securities."""
    unit = draw(st.sampled_from(["s", "ms", "us", "ns"]))
    zone = draw(st.sampled_from([None, "UTC", "+04:00"]))
    kinds = st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int16(), pa.string())])
    decimals = [
        (pa.decimal128(digits, scale), st.integers(1 - 10**digits, 10**digits - 1).map(shifted(scale)))
        for digits, scale in ((15, 4), (38, 11), (38, 36))
    ]
    prices = st.sampled_from(
        [(pa.float64(), st.floats()), (pa.float32(), st.floats(width=32)), (pa.int64(), at("ns")), *decimals]
    )
    volumes = st.sampled_from(
        [(pa.int64(), at("ns")), (pa.uint64(), st.integers(0, 2**64 - 1)), (pa.float64(), st.floats()), *decimals]
    )
    (price, a_price), (volume, a_volume) = draw(prices), draw(volumes)
    row = st.tuples(
        st.none() | at(unit), st.none() | st.sampled_from(TYPES), st.none() | a_price, st.none() | a_volume,
        st.sampled_from(["A", "NA", "c d"]),
    )  # fmt: skip
    rows = draw(st.lists(row, min_size=1, max_size=30))
    types = [pa.timestamp(unit, zone), draw(kinds), price, volume, pa.string()]
    arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
    table = pa.table(arrays, ["Time", "type", "price", "vol", "symbol"])
    return table if draw(st.booleans()) else table.drop_columns("symbol")


WINDOWS = st.builds(
    Window, st.none() | st.integers(-90_000, 90_000), st.none() | st.integers(-90_000, 90_000), st.booleans()
)
RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RANDOM
@given(table=frames(), group=st.integers(1, 40), rows=st.integers(1, 40), window=WINDOWS)
def test_any_parquet_file_is_read_the_same(
    tmp_path: Path, assert_same: Same, table: pa.Table, group: int, rows: int, window: Window
) -> None:
    pq.write_table(table, tmp_path / "aaa.parquet", row_group_size=group)
    assert sum(assert_same(tmp_path / "aaa.parquet", rows=rows, windows=[ALL, window])) == len(table)
