from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbatch.data.bar_frame import bars_of_frame, read_bars
from dbatch.data.bar_market import open_bars
from dbatch.data.bar_read import load_bars
from dbatch.data.bar_write import resample_market
from dbatch.data.bars import BarBlock, joined_bars
from dbatch.data.blocks import NOT_A_TIME, EventBlock
from dbatch.data.resample import bars_of_trades, interval_name, interval_of
from dbatch.errors import UsageError
from dbatch.schema import EVENT_TYPES

MINUTE = 60 * 10**9


def trades(*rows: tuple[float, float, int], kind: str = "trade") -> EventBlock:
    """Events at minutes since midnight of 1970-01-01, with a price and a volume."""
    minutes, prices, volumes = (np.array(column) for column in zip(*rows, strict=True))
    kinds = np.full(len(rows), EVENT_TYPES.index(kind), np.int8)
    return EventBlock((minutes * MINUTE).astype(np.int64), kinds, prices.astype(float), volumes.astype(np.int64))


def rows(bars: BarBlock) -> list[tuple[float, ...]]:
    stamps, *others = tuple(bars)
    return list(zip((stamps / MINUTE).tolist(), *(column.tolist() for column in others), strict=True))


def made(*blocks: EventBlock, interval: str = "5min") -> list[tuple[float, ...]]:
    return rows(joined_bars(bars_of_trades(blocks, interval)))


def test_a_bar_has_the_first_highest_lowest_and_last_price_and_the_sum_of_volumes() -> None:
    block = trades((5, 10.0, 100), (6, 12.0, 50), (7, 9.0, 10), (9.99, 11.0, 1), (10, 20.0, 5))
    assert made(block) == [(5.0, 10.0, 12.0, 9.0, 11.0, 161.0), (10.0, 20.0, 20.0, 20.0, 20.0, 5.0)]


def test_an_interval_without_trades_makes_no_bar() -> None:
    assert [row[0] for row in made(trades((0, 1.0, 1), (21, 1.0, 1)))] == [0.0, 20.0]


def test_quotes_and_trades_without_a_time_or_a_price_make_no_bar() -> None:
    odd = trades((1, 1.0, 1), (2, 0.0, 1), (3, np.nan, 1))
    odd.timestamps[0] = NOT_A_TIME
    assert made(odd, trades((4, 1.0, 1), kind="bid")) == []


def test_a_late_trade_belongs_to_the_bar_that_is_being_made() -> None:
    assert made(trades((4, 1.0, 1), (5, 2.0, 1), (4.99, 3.0, 1))) == [
        (0.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        (5.0, 2.0, 3.0, 2.0, 3.0, 2.0),
    ]


events = st.lists(
    st.tuples(
        st.integers(0, 600), st.sampled_from([0, 1, 2]), st.sampled_from([0.0, 9.5, 10.0, 10.5]), st.integers(0, 2**50)
    ),
    max_size=60,
)


@given(events, st.lists(st.integers(0, 60), max_size=6))
def test_any_chunking_gives_the_same_bars(given_events: list[tuple[int, int, float, int]], cuts: list[int]) -> None:
    seconds, kinds, prices, volumes = zip(*given_events, strict=True) if given_events else ((), (), (), ())
    whole = EventBlock(
        np.array(seconds, np.int64) * 10**9,
        np.array(kinds, np.int8),
        np.array(prices, np.float64),
        np.array(volumes, np.int64),
    )
    edges = [0, *sorted(cuts), len(whole)]
    pieces = [whole.rows(slice(first, end)) for first, end in pairwise(edges)]
    assert made(*pieces, interval="1min") == made(whole, interval="1min") == slow(given_events)


def slow(given_events: list[tuple[int, int, float, int]]) -> list[tuple[float, ...]]:
    """The bars of a minute, trade by trade."""
    bars: list[list[float]] = []
    for second, kind, price, volume in given_events:
        if EVENT_TYPES[kind] != "trade" or price <= 0:
            continue
        minute = float(second // 60)
        if not bars or minute > bars[-1][0]:
            bars.append([minute, price, price, price, price, volume])
            continue
        bar = bars[-1]
        bar[2], bar[3], bar[4], bar[5] = max(bar[2], price), min(bar[3], price), price, bar[5] + volume
    return [tuple(map(float, bar)) for bar in bars]


@pytest.mark.parametrize(
    ("text", "name"), [("300s", "5min"), ("5m", "5min"), ("60min", "1h"), ("24h", "1d"), ("day", "1d")]
)
def test_an_interval_has_one_name(text: str, name: str) -> None:
    assert interval_name(text) == name


@pytest.mark.parametrize("text", ["7min", "2d", "0s", "fortnight", "", "-5min"])
def test_what_is_no_interval_or_does_not_divide_a_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="bars of"):
        interval_of(text)


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    path = tmp_path / "ticks"
    path.mkdir()
    (path / "aa.csv").write_text(
        "timestamp,type,price,volume\n2025-04-14 10:01:00,trade,10,5\n2025-04-14 10:04:00,trade,11,6\n"
    )
    (path / "bb.csv").write_text("timestamp,type,price,volume\n2025-04-14 10:01:00,bid,10,5\n")
    return path


def test_resampled_files_read_as_the_bars_that_are_made_of_trades(ticks: Path, tmp_path: Path) -> None:
    one, other = resample_market(str(ticks), "5min", tmp_path / "bars")
    assert (one.bars, one.error) == (1, None)
    assert "no trades" in str(other.error)
    (security,) = open_bars(tmp_path / "bars").securities
    direct = load_bars(open_bars(ticks, interval="300s").select(["AA"]).securities[0])
    assert rows(load_bars(security)) == rows(direct)


def test_bars_are_a_dask_frame_with_a_partition_per_security(ticks: Path) -> None:
    frame = read_bars(ticks, bars="5min")
    assert frame.divisions == ("AA", "BB", "BB")
    assert frame.columns.tolist() == ["timestamp", "open", "high", "low", "close", "volume"]
    computed = frame.compute(scheduler="sync")
    assert computed.index.tolist() == ["AA"]
    assert rows(bars_of_frame(computed))[0][1:] == (10.0, 11.0, 10.0, 11.0, 11.0)


def test_the_command_says_what_it_made_and_fails_for_what_it_could_not(dbatch, ticks: Path, tmp_path: Path) -> None:
    done = dbatch("resample", str(ticks), "--bars", "5min", "-o", str(tmp_path / "out"), "--json")
    assert done.returncode == 1
    assert "AA: 1 bars" in done.stderr
    assert "BB: failed" in done.stderr
    assert '"bars": 1' in done.stdout
