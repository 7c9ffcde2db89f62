from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dbatch.data import csv as csv_module
from dbatch.data.csv import csv_batches, csv_securities
from dbatch.data.events import EVENT_ARROW_SCHEMA
from dbatch.data.faults import Faults
from dbatch.data.market import open_market
from dbatch.data.read import read_events
from dbatch.errors import DataError, DataNotFoundError, SchemaError

HEADER = "timestamp,type,price,volume\n"
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, encoding: str = "utf-8") -> str:
        path = tmp_path / "ticks.csv"
        path.write_text(text, encoding=encoding, newline="")
        return str(path)

    return write


def rows(path: str, **options: Any) -> list[dict[str, Any]]:
    return pa.Table.from_batches(csv_batches(path, **options), EVENT_ARROW_SCHEMA).to_pylist()


def column(path: str, name: str, **options: Any) -> list[Any]:
    return [str(row[name]) if row[name] is not None else None for row in rows(path, **options)]


def test_batches_have_the_canonical_schema(write: Write) -> None:
    (batch,) = csv_batches(write(HEADER + "2025-04-14 10:00:00,BID,16.24,100\n"))
    assert batch.schema == EVENT_ARROW_SCHEMA
    assert batch.column(1).dictionary.to_pylist() == ["bid", "ask", "trade"]


def test_columns_go_by_their_usual_names_in_any_order_and_case(write: Write) -> None:
    (row,) = rows(write(" QTY ,extra,Price,TYPE,Dates\n7,x,1.5, Ask ,2025-04-14T10:00:00.25\n"))
    assert (str(row["timestamp"]), row["type"], row["price"], row["volume"]) == (
        "2025-04-14 10:00:00.250000",
        "ask",
        1.5,
        7,
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-04-14", "2025-04-14 00:00:00"),
        ("2025-04-14 10:00", "2025-04-14 10:00:00"),
        (" 2025-04-14T10:00:00.123456789 ", "2025-04-14 10:00:00.123456789"),
        ("2025-04-14T10:00:00+04:00", "2025-04-14 10:00:00"),
        ("2025-04-14T10:00:00Z", "2025-04-14 10:00:00"),
        ("14/04/2025", None),
        ("2025-02-30", None),
        ("2025-04-14T10:00:00+0400", "2025-04-14 10:00:00"),
        ("1677-12-31 23:59:59", None),
        ("1678-01-01", "1678-01-01 00:00:00"),
        ("2261-12-31 23:59:59.999999999", "2261-12-31 23:59:59.999999999"),
        ("2262-01-01", None),
        ("9999-12-31", None),
        ("45659.5", None),
        ("", None),
    ],
)
def test_times_are_iso_text_and_keep_their_clock_reading(write: Write, text: str, time: str | None) -> None:
    assert column(write(HEADER + f"{text},bid,1,1\n"), "timestamp") == [time]


@pytest.mark.parametrize(
    ("text", "price"),
    [("16.24", 16.24), (" 12 ", 12.0), ("1e3", 1000.0), ("-1", -1.0), ("0.1", 0.1), (".5", 0.5)]
    + [(bad, None) for bad in ("'1,000'", "abc", "inf", "-inf", "nan", "NA", "", "1e999", "0x10", "1_000", "٣")],
)
def test_a_price_is_text_that_is_plainly_a_finite_number(write: Write, text: str, price: float | None) -> None:
    path = write(HEADER + f'2025-04-14,bid,"{text.strip(chr(39))}",1\n')
    assert [row["price"] for row in rows(path)] == [price]


@pytest.mark.parametrize(
    ("text", "volume", "reasons"),
    [
        ("100", 100, []),
        ("100.0", 100, []),
        ("9007199254740993", 9007199254740993, []),
        ("10.7", 10, ["volume has a fraction, which is cut off"]),
        ("-3", None, ["volume is negative"]),
        ("9223372036854775807", 2**63 - 1, []),
        ("9223372036854775808", None, ["volume is beyond 64 bits"]),
        ("9007199254740993.0", 9007199254740993, []),
        ("9007199254740993.5", 9007199254740993, ["volume has a fraction, which is cut off"]),
        ("9.007199254740993e15", 9007199254740993, []),
        ("0.999999999999999999999", 0, ["volume has a fraction, which is cut off"]),
        ("9223372036854775807.5", 2**63 - 1, ["volume has a fraction, which is cut off"]),
        ("000000000000000000009007199254740993", 9007199254740993, []),
        ("1e99999999999999999999", None, ["volume is not finite"]),
        ("", None, ["volume is empty"]),
    ],
)
def test_a_volume_is_a_whole_number(write: Write, text: str, volume: int | None, reasons: list[str]) -> None:
    faults = Faults()
    assert [row["volume"] for row in rows(write(HEADER + f"2025-04-14,bid,1,{text}\n"), faults=faults)] == [volume]
    assert list(faults.counts) == reasons


def test_an_unusable_value_is_null_and_named_by_file_and_row_while_its_row_stays(write: Write) -> None:
    faults = Faults()
    found = rows(write(HEADER + "2025-04-14,bid,1,1\n2025-04-14,sale,abc,1\n"), faults=faults)
    assert [(row["type"], row["price"]) for row in found] == [("bid", 1.0), (None, None)]
    assert {(fault.where, fault.found) for fault in faults.examples} == {
        ("ticks.csv:3", "sale"),
        ("ticks.csv:3", "abc"),
    }


def test_blank_lines_and_a_byte_order_mark_are_no_events(write: Write) -> None:
    assert len(rows(write("\r\n" + HEADER + "\r\n2025-04-14,bid,1,1\r\n\r\n", "utf-8-sig"))) == 1


@pytest.mark.parametrize("line", [" ", "\t ", '""', '" "', "\r"])
def test_a_line_of_spaces_is_no_event_wherever_it_is(write: Write, line: str) -> None:
    event = "2025-04-14,bid,1,1\n"
    path = write(f"{line}\n{HEADER}{line}\n{event}{line}\n{event}{line}\n{line}")
    assert len(rows(path)) == 2
    assert csv_securities(path) is None


def test_a_line_of_one_cell_that_is_not_blank_is_refused(write: Write) -> None:
    with pytest.raises(SchemaError, match=r"ticks\.csv: is not a readable CSV: .*Expected 4 columns, got 1:  x"):
        rows(write(HEADER + "2025-04-14,bid,1,1\n\n x\n"))


def test_lines_may_end_in_a_carriage_return_alone(write: Write) -> None:
    event = "A,2025-04-14,bid,1,1\n"
    path = write(("\n \nticker," + HEADER + "\n" + event * 3 + event.replace("A", "B")).replace("\n", "\r"))
    securities = open_market(path).securities
    assert [(security.name, sum(map(len, read_events(security)))) for security in securities] == [("A", 3), ("B", 1)]


def test_lines_of_nothing_but_separators_are_no_events(write: Write) -> None:
    faults = Faults()
    assert len(rows(write(HEADER + "2025-04-14,bid,1,1\n,,,\n ,,,\n"), faults=faults)) == 1
    assert faults.counts == {}


def test_an_event_without_a_security_is_refused_by_its_row(write: Write) -> None:
    path = write("Ticker," + HEADER + "A,2025-04-14,bid,1,1\n,,,,\n ,2025-04-14,bid,1,1\n")
    with pytest.raises(SchemaError, match="row 4 names no security"):
        csv_securities(path)


def test_the_security_na_is_a_security(write: Write) -> None:
    path = write("Ticker," + HEADER + "NA,2025-04-14,bid,1,1\nnull,2025-04-14,ask,2,2\nna,2025-04-14,ask,3,3\n")
    assert csv_securities(path) == ["NA", "na", "null"]
    assert [row["price"] for row in rows(path, only=("NA", "na"))] == [1.0, 3.0]


def test_a_value_names_a_security_like_a_label(write: Write) -> None:
    values = ["B UH Equity", " b ", "B", "vod LN Equity ", "NA"]
    path = write("Ticker," + HEADER + "".join(f"{value},2025-04-14,bid,1,{n}\n" for n, value in enumerate(values)))
    securities = open_market(path).securities
    assert [(security.name, next(read_events(security)).volumes.tolist()) for security in securities] == [
        ("B", [0, 1, 2]),
        ("NA", [4]),
        ("VOD", [3]),
    ]


def test_a_filtered_row_keeps_its_own_number(write: Write) -> None:
    faults = Faults()
    path = write("symbol," + HEADER + "A,2025-04-14,bid,1,1\nB,2025-04-14,bid,x,1\n")
    rows(path, only=("B",), faults=faults)
    assert faults.examples[0].where == "ticks.csv:3"


def test_a_file_without_a_security_column_has_no_list_of_securities(write: Write) -> None:
    assert csv_securities(write(HEADER + "2025-04-14,bid,1,1\n")) is None


def test_a_file_larger_than_a_block_comes_in_several_batches_in_order(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_module, "_BLOCK_BYTES", 4096)
    path = write(HEADER + "".join(f"2025-04-14,bid,{n},{n}\n" for n in range(5000)))
    batches = list(csv_batches(path))
    assert len(batches) > 5
    assert [row["volume"] for row in pa.Table.from_batches(batches).to_pylist()] == list(range(5000))


def test_numbering_goes_on_across_batches(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_module, "_BLOCK_BYTES", 4096)
    faults = Faults()
    lines = [f"2025-04-14,bid,{'x' if n == 4000 else n},1\n" for n in range(5000)]
    rows(write(HEADER + "".join(lines)), faults=faults)
    assert faults.examples[0].where == "ticks.csv:4002"


def test_a_header_without_rows_gives_no_events(write: Write) -> None:
    assert rows(write(HEADER)) == []
    assert rows(write(HEADER.strip())) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,c\n1,2,3\n", "the header is 'a,b,c'; it must have Dates, Type, Price, Size"),
        ("date,time,type,price,size\n", "columns 'date' and 'time' both mean timestamp"),
        (HEADER + "2025-04-14,bid\n", "Expected 4 columns, got 2"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused_in_one_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(SchemaError, match="^[^\n]*ticks.csv: [^\n]*" + message):
        rows(write(text))


def test_text_in_another_encoding_is_refused(write: Write) -> None:
    with pytest.raises(SchemaError, match="not UTF-8"):
        rows(write(HEADER + "2025-04-14,bid,1,é\n", "latin-1"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no such file"):
        rows(str(tmp_path / "none.csv"))


@pytest.fixture
def packed(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes `aaa.csv.gz`, and beside it a file that is whole."""

    def write(content: bytes) -> Path:
        path = tmp_path / "aaa.csv.gz"
        path.write_bytes(content)
        (tmp_path / "bbb.csv").write_text(HEADER + "2025-04-14,bid,1,1\n")
        return path

    return write


WHOLE = gzip.compress((HEADER + "".join(f"2025-04-14,bid,{n * n},{n}\n" for n in range(20_000))).encode())


@pytest.mark.parametrize(
    "content",
    [WHOLE[:20], WHOLE[:-12], WHOLE[:50_000] + b"\xff" * 50 + WHOLE[50_050:], WHOLE + b"more", b"not gzip at all"],
    ids=["in the header", "at the end", "damaged", "more behind", "no gzip"],
)
def test_a_packed_file_that_is_damaged_is_named_and_fails_alone(
    packed: Callable[[bytes], Path], content: bytes
) -> None:
    path = packed(content)
    with pytest.raises(DataError, match=r"^[^\n]*aaa\.csv\.gz: is cut off or damaged \([^\n]+\); [^\n]+$"):
        list(read_events(open_market(path).securities[0]))
    broken, whole = open_market(path.parent).securities
    assert [len(block) for block in read_events(whole)] == [1]
    with pytest.raises(DataError, match=r"aaa\.csv\.gz: is cut off or damaged"):
        list(read_events(broken))


@pytest.mark.parametrize("line", ["é", "2025-04-14,bid,1,1,é"])
def test_text_in_another_encoding_is_refused_in_rows_of_another_length_and_in_other_columns(
    write: Write, line: str
) -> None:
    with pytest.raises(SchemaError, match=r"ticks\.csv: is not UTF-8 text"):
        rows(write("timestamp,type,price,volume,note\n2025-04-14,bid,1,1,\n" + line + "\n", "latin-1"))


def test_a_character_may_lie_across_blocks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_module, "_BLOCK_BYTES", 4096)
    line = "2025-04-14,bid,1,1,سهم\n"
    assert len(rows(write("timestamp,type,price,volume,note\n" + line * 1_000))) == 1_000


def test_real_ticks_survive_a_trip_through_csv(golden: Path, tmp_path: Path) -> None:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    real = pq.read_table(golden / "ticks" / "spinneys.parquet")
    path = str(tmp_path / "spinneys.csv")
    pa_csv.write_csv(real, path)
    found = pa.Table.from_batches(csv_batches(path), EVENT_ARROW_SCHEMA)
    for name in ("timestamp", "price", "volume"):
        assert found[name].to_pylist() == real[name].to_pylist()
    assert found["type"].to_pylist() == [text.lower() for text in real["type"].to_pylist()]
