"""Which securities a path holds, in every layout, and that their events come out the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.data.blocks import NOT_A_TIME, OTHER, EventBlock
from dbatch.data.market import open_market
from dbatch.data.read import fingerprint, read_events
from dbatch.errors import DataError, DataNotFoundError, SchemaError, UsageError
from dbatch.model import Security


def events(security: str, rows: int = 7) -> pd.DataFrame:
    """Distinct events for each name, with ties and a step back in time."""
    offset = sum(map(ord, security))
    seconds = np.array([0, 0, 1, 3, 2, 5, 5])[:rows] + offset
    return pd.DataFrame(
        {
            "timestamp": np.datetime64("2025-04-14T10:00", "ns") + seconds.astype("timedelta64[s]"),
            "type": np.array(["BID", "ask", " Trade ", "BID", "odd", "ASK", "TRADE"])[:rows],
            "price": np.array([10.0, 10.1, 10.05, 0.0, 10.2, 10.3, np.nan])[:rows],
            "volume": np.array([100, 0, 5, 7, 9, 11, 13])[:rows],
        }
    )


def read(security: Security, rows: int = 3) -> EventBlock:
    blocks = list(read_events(security, rows))
    assert all(len(block) <= rows for block in blocks)
    return EventBlock(*(np.concatenate(columns) for columns in zip(*blocks, strict=True)))


def assert_events(security: Security, name: str) -> None:
    block = read(security)
    frame = events(name)
    np.testing.assert_array_equal(block.timestamps, frame["timestamp"].to_numpy("datetime64[ns]").view("int64"))
    np.testing.assert_array_equal(block.kinds, [0, 1, 2, 0, OTHER, 1, 2])
    np.testing.assert_array_equal(block.prices, frame["price"])
    np.testing.assert_array_equal(block.volumes, frame["volume"])


def files(folder: Path) -> None:
    for name in ("bbb", "aaa"):
        events(name.upper()).to_parquet(folder / f"{name}.parquet")


def partitioned(folder: Path) -> None:
    for name in ("BBB", "AAA"):
        part = folder / f"security={name}"
        part.mkdir()
        events(name).iloc[:4].to_parquet(part / "part-0.parquet")
        events(name).iloc[4:].to_parquet(part / "part-1.parquet")


def dask_parts(folder: Path) -> None:
    for number, name in enumerate(("BBB", "AAA")):
        events(name).assign(ticker=name).to_parquet(folder / f"part.{number}.parquet")


def one_column(folder: Path) -> None:
    both = pd.concat([events(name).assign(Symbol=name) for name in ("BBB", "AAA")])
    shuffled = both.iloc[np.argsort(np.tile(np.arange(7), 2), kind="stable")]
    shuffled.to_parquet(folder / "all.parquet", row_group_size=4)


def csv_files(folder: Path) -> None:
    for name in ("bbb", "aaa"):
        events(name.upper()).rename(columns={"volume": "Size"}).to_csv(folder / f"{name}.csv", index=False)


def packed_csv(folder: Path) -> None:
    both = pd.concat([events(name).assign(ticker=name) for name in ("BBB", "AAA")])
    both.to_csv(folder / "all.csv.gz", index=False)


@pytest.mark.parametrize("layout", [files, partitioned, dask_parts, one_column, csv_files, packed_csv])
def test_every_layout_gives_the_same_securities_and_events(tmp_path: Path, layout: object) -> None:
    layout(tmp_path)
    path = tmp_path / "all.parquet" if layout is one_column else tmp_path

    market = open_market(path)

    assert [security.name for security in market.securities] == ["AAA", "BBB"]
    for security in market.securities:
        assert_events(security, security.name)


def test_a_url_works_like_a_local_path() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("aaa", "bbb"):
        with memory.open(f"/market/{name}.parquet", "wb") as file:
            events(name.upper()).to_parquet(file)
        with memory.open(f"/texts/{name}.csv", "wb") as file:
            events(name.upper()).to_csv(file, index=False)

    for folder in ("memory://market", "memory://texts"):
        market = open_market(folder)
        assert [security.name for security in market.securities] == ["AAA", "BBB"]
        for security in market.securities:
            assert_events(security, security.name)
            assert fingerprint(security.source) == fingerprint(security.source)


def test_several_securities_in_one_file_of_a_folder_are_not_replayed_as_one(tmp_path: Path) -> None:
    files(tmp_path)
    one_column(tmp_path)
    mixed = open_market(tmp_path).select(["ALL"]).securities[0]

    with pytest.raises(SchemaError, match=r"all\.parquet: holds several securities \(AAA, BBB\)"):
        read(mixed)


def test_two_files_of_one_security_are_refused_with_both_named(tmp_path: Path) -> None:
    events("AAA").to_parquet(tmp_path / "aaa.parquet")
    events("AAA").to_csv(tmp_path / "AAA.csv", index=False)

    with pytest.raises(UsageError, match=r"(?s)'AAA' is claimed twice.*aaa\.parquet.*AAA\.csv"):
        open_market(tmp_path)


def test_na_is_a_ticker(tmp_path: Path) -> None:
    events("NA").assign(ticker="NA").to_csv(tmp_path / "all.csv", index=False)

    assert [security.name for security in open_market(tmp_path / "all.csv").securities] == ["NA"]


def test_hidden_files_are_no_data(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "_metadata.parquet").write_bytes(b"x")
    (tmp_path / ".aaa.parquet.tmp.parquet").write_bytes(b"x")
    (tmp_path / "~$book.xlsx").write_bytes(b"x")

    assert len(open_market(tmp_path).securities) == 2


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all" * 100])
def test_a_broken_file_is_named_when_it_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "aaa.parquet").write_bytes(content)

    with pytest.raises(DataError, match=r"aaa\.parquet: not readable as Parquet"):
        read(open_market(tmp_path).securities[0])


def test_a_flipped_byte_is_refused_where_pages_have_checksums(tmp_path: Path) -> None:
    path = tmp_path / "aaa.parquet"
    table = pa.Table.from_pandas(pd.concat([events("AAA")] * 1000), preserve_index=False)
    pq.write_table(table, path, write_page_checksum=True, compression="none", use_dictionary=False)
    damaged = bytearray(path.read_bytes())
    damaged[3_000] ^= 0xFF
    path.write_bytes(bytes(damaged))

    with pytest.raises(DataError, match="not readable as Parquet"):
        read(open_market(tmp_path).securities[0])


def test_missing_values_are_marked_and_no_row_is_lost(tmp_path: Path) -> None:
    table = pa.table(
        {
            "timestamp": pa.array([None, 10**9], pa.timestamp("ns")),
            "type": pa.array(["bid", None]).dictionary_encode(),
            "price": pa.array([None, 1.5], pa.float64()),
            "volume": pa.array([None, 3], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "aaa.parquet")

    block = read(open_market(tmp_path).securities[0])

    assert block.timestamps.tolist() == [NOT_A_TIME, 10**9]
    assert block.kinds.tolist() == [0, OTHER]
    assert np.isnan(block.prices[0])
    assert block.volumes.tolist() == [0, 3]


def test_a_zone_is_dropped_for_the_exchanges_clock(tmp_path: Path) -> None:
    frame = events("AAA")
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("Asia/Dubai")
    frame.to_parquet(tmp_path / "aaa.parquet")

    assert_events(open_market(tmp_path).securities[0], "AAA")


def test_an_unknown_security_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    files(tmp_path)

    with pytest.raises(DataNotFoundError, match="no security 'CCC'; there are AAA, BBB"):
        open_market(tmp_path).select(["aaa", "CCC"])


def test_the_fingerprint_follows_the_contents(tmp_path: Path) -> None:
    files(tmp_path)
    before = fingerprint(open_market(tmp_path).securities[0].source)
    changed = events("AAA")
    changed.loc[0, "price"] = np.nextafter(10.0, 11.0)
    changed.to_parquet(tmp_path / "aaa.parquet")

    assert fingerprint(open_market(tmp_path).securities[0].source) != before
