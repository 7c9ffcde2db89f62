"""The plain reader against the engine's, on CSV files; and what the rules say where the engine is not asked."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.errors import DataError, SchemaError
from dbatch.model import Security, Source, Window
from dbatch.reference.plain_read import read_whole

Same = Callable[..., list[int]]
Write = Callable[..., Path]
ALL = Window()
HEADER = "timestamp,type,price,volume\n"
ROW = "2025-04-14,bid,1,1\n"
TIMES = (
    "2025-04-14", "2025-04-14 10:00", "2025-04-14T10:00:49.25", " 2025-04-14 10:00:00.123456789 ",
    "2025-04-14T10:00:00+04:00", "2025-04-14 10:00Z", "2025-04-14 10:00:00-03:30", "2024-02-29",
    "1969-12-31 23:59:59.5", "1678-01-01", "2261-12-31 23:59:59.999999999", "2025-04-14 10", "2025-04-14 10:00:60",
    "1677-12-31 23:59:59", "2262-01-01", "2025-04-14 10:00:00.5+0400",
    "2025-04-14 24:00", "2025-02-29", "14/04/2025 10:00", "45761.5", "10:00:00", "20250414", "2025-4-14",
    "2025-04-14 10:00:00.1234567891", "2025-04-14 10:00+04", "0001-01-01", "9999-12-31", "", "NaT", "now",
    "２０２５-04-14",
)  # fmt: skip
NUMBERS = (
    "16.24", " 16.24", "1e3", "1E-3", "+5", ".5", "5.", "-0", "0", "-1", "0.1", "0.30000000000000004", "1e308",
    "5e-324", "123456789012345678901234567890", "1,000", "n/a", "true", "nan", "inf", "-inf", "1e999", "0x10",
    "1_000", "٣", "", " ", "1 000", "--1", "1.5", "-5", "-0.5", "100", "100.0", "9007199254740993",
    "9223372036854775807", "9223372036854775808", "null", "9007199254740993.0", "0.999999999999999999999",
    "9007199254740993e0", "9223372036854775807.9", "1e9999999999999999999", "1e-9999999999999999999",
    "00000000000000009007199254740993",
)  # fmt: skip
TYPES = ("BID", " ask ", "Trade", "SALE", "", "b", "bid.", "\tTRADE", "null", "５")


@pytest.fixture
def text(tmp_path: Path) -> Write:
    """Writes `aaa.csv`."""

    def write(content: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "aaa.csv"
        path.write_text(content, encoding=encoding, newline="")
        return path

    return write


def read_csv(path: Path, only: tuple[str, ...] = ()) -> EventBlock:
    return read_whole(Security("AAA", "AAA", Source("csv", (str(path),), only=only)), ALL)


def test_odd_cells_of_csv_files(text: Write, assert_same: Same) -> None:
    lines = [(time, "bid", "1", "1") for time in TIMES]
    lines += [("2025-04-14", kind, number, number) for kind in TYPES for number in NUMBERS]
    path = text(HEADER + "".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines))
    assert assert_same(path, rows=7) == [len(TIMES) + len(TYPES) * len(NUMBERS)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-04-14", 20192 * 86_400 * 10**9),
        ("1970-01-01 00:01", 60 * 10**9),
        ("1970-01-01T00:00:00.000000001+04:00", 1),
        ("2262-01-01", NOT_A_TIME),
        ("14/04/2025", NOT_A_TIME),
    ],
)
def test_a_time_is_its_clock_reading(text: Write, cell: str, expected: int) -> None:
    assert read_csv(text(HEADER + f"{cell},bid,1,1\n")).timestamps.tolist() == [expected]


@pytest.mark.parametrize(
    ("cell", "price", "volume"),
    [
        ("1e3", 1000.0, 1000),
        ("9007199254740993.5", 9007199254740994.0, 9007199254740993),
        ("0.99999999999999999999", 1.0, 0),
        ("-5", -5.0, 0),
        ("1e999999999999", np.nan, 0),
        ("1e-999999999999", 0.0, 0),
    ],
)
def test_a_price_is_the_nearest_float_and_a_volume_exact(text: Write, cell: str, price: float, volume: int) -> None:
    block = read_csv(text(HEADER + f"2025-04-14,odd,{cell},{cell}\n"))
    np.testing.assert_array_equal(block.prices, [price])
    assert (block.kinds.tolist(), block.volumes.tolist()) == ([OTHER], [volume])


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("\ufeff" + HEADER + ROW, 1),
        ("\r\n \r\n" + (HEADER + "\n" + ROW + ROW).replace("\n", "\r\n"), 2),
        (HEADER + ROW + ",,,\n , ,\t,\n\n" + ROW, 2),
        (HEADER + ROW.strip(), 1),
        (HEADER, 0),
        (' QTY ,"a,b",Price,TYPE,Dates\n7,"x, ""y""",1.5, Ask ,2025-04-14\n', 1),
        ("timestamp,type,price,volume,note\n2025-04-14,bid,1,1,\n,,,,only a note\n" + '2025-04-14,bid,1,1,"a\nb"\n', 2),
        (HEADER + '2025-04-14,"bid",1,"1"\n2025-04-14,b"id,1,1\n', 2),
        (f" \n{HEADER} \n\t\n{ROW}  \n" + '""\n" "\n' + ROW + " ", 2),
        ("\r \r" + (HEADER + "\n" + ROW + " \n" + ROW).replace("\n", "\r"), 2),
    ],
)
def test_shapes_of_csv_files(text: Write, assert_same: Same, content: str, rows: int) -> None:
    assert assert_same(text(content)) == [rows]


def test_the_securities_of_a_csv_file_in_any_case(text: Write, assert_same: Same) -> None:
    lines = ["NA", "null", " na", "b", "B", "", "7203", "B UH Equity ", "b dh equity"]
    content = "Ticker," + HEADER + "".join(f"{line},{ROW}" if line else ",,,,\n" for line in lines)
    assert assert_same(text(content)) == [1, 4, 2, 1]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("", "utf-8", "is empty"),
        ("a,b\n1,2\n", "utf-8", "no column for timestamp, type, price, volume"),
        (HEADER + "2025-04-14,bid\n", "utf-8", "a row has 2 cells, the header has 4"),
        (HEADER + "2025-04-14,bid,1,é\n", "latin-1", "is not UTF-8 text"),
        ("ticker," + HEADER + "A," + ROW + " ," + ROW, "utf-8", "a row names no security"),
    ],
)
def test_what_is_no_such_csv_is_refused_in_one_line(text: Write, content: str, encoding: str, message: str) -> None:
    only = ("A",) if content.startswith("ticker") else ()
    with pytest.raises(SchemaError, match=rf"^[^\n]*aaa\.csv: {message}[^\n]*$"):
        read_csv(text(content, encoding), only)


@pytest.mark.parametrize("cut", [-12, 20])
def test_a_packed_file_that_is_cut_off_is_refused_with_its_name(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "aaa.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW * 5_000).encode())[:cut])
    with pytest.raises(DataError, match=r"^[^\n]*aaa\.csv\.gz: [^\n]+$"):
        read_csv(path)


WINDOWS = st.builds(
    Window, st.none() | st.integers(-90_000, 90_000), st.none() | st.integers(-90_000, 90_000), st.booleans()
)
RANDOM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


SOME_TIMES = st.sampled_from(TIMES) | st.datetimes(dt.datetime(1678, 1, 1), dt.datetime(2261, 12, 31)).map(str)
SHORT = st.sampled_from(NUMBERS) | st.text("0123456789.eE+-, ", max_size=7)
PRICES = SHORT | st.floats().map(repr)
VOLUMES = SHORT | st.integers().map(str) | st.floats().map(repr) | st.decimals(-1, 2**64, places=3).map(str)
LINES = st.tuples(SOME_TIMES, st.sampled_from(TYPES), PRICES, VOLUMES, st.sampled_from(["A", "a ", "NA", "null"]))


@RANDOM
@given(lines=st.lists(LINES, min_size=1, max_size=30), mixed=st.booleans(), rows=st.integers(1, 40), window=WINDOWS)
def test_any_csv_file_is_read_the_same(
    tmp_path: Path, assert_same: Same, lines: list[tuple[str, ...]], mixed: bool, rows: int, window: Window
) -> None:
    columns = 5 if mixed else 4
    with open(tmp_path / "aaa.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["Date", "Type", "Price", "Size", "Ticker"][:columns])
        writer.writerows(line[:columns] for line in lines)
    assert sum(assert_same(tmp_path / "aaa.csv", rows=rows, windows=[ALL, window])) == sum(
        any(cell.strip() for cell in line[:4]) for line in lines
    )
