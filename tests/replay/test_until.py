"""Replays that stop at a time, and the fills that they are held against."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dbatch.data.blocks import EventBlock
from dbatch.engine.fills import Fills
from dbatch.errors import OutputError, UsageError
from dbatch.model import Window
from dbatch.replay import replay
from dbatch.replay.compare import fills_up_to
from dbatch.replay.delivery import Rows, Until, numbered, pausing_before_last

Run = Callable[..., Path]


@pytest.mark.parametrize(
    ("until", "fills"),
    [
        ("2025-04-14 10:00:03", 0),
        ("2025-04-14 10:00:04", 1),
        ("2025-04-14T10:00:04.999", 1),
        ("2025-04-14 10:00:05", 2),
        ("2025-04-14", 2),
    ],
)
def test_the_fills_up_to_a_time_equal_those_of_the_run(ran: Run, until: str, fills: int) -> None:
    report = replay(ran("v1_baseline"), "QUEUE", until=until)

    assert (report.verdict, report.now.fills, report.then.fills) == ("equal", fills, fills)


def test_a_day_of_several_is_replayed_up_to_its_end(ran: Run) -> None:
    folder = ran("v1_baseline")

    first = replay(folder, "AAA", until="2025-04-14")

    assert first.verdict == "equal"
    assert 0 < first.now.fills < replay(folder, "AAA").now.fills


def test_a_fill_that_differs_before_the_time_is_found_and_one_after_it_is_not(ran: Run, ticks: Path) -> None:
    folder = ran("v1_baseline")
    frame = pd.read_parquet(ticks / "queue.parquet")
    frame.loc[6, "price"] = 10.20
    frame.to_parquet(ticks / "queue.parquet")

    assert replay(folder, "QUEUE", until="2025-04-14 10:00:04").verdict == "equal"
    assert replay(folder, "QUEUE", until="2025-04-14 10:00:05").verdict == "differs"


def test_a_fill_that_is_missing_before_the_time_is_found(ran: Run, ticks: Path) -> None:
    folder = ran("v1_baseline")
    frame = pd.read_parquet(ticks / "queue.parquet")
    frame.loc[5, "volume"] = 0
    frame.to_parquet(ticks / "queue.parquet")

    report = replay(folder, "QUEUE", until="2025-04-14 10:00:04")

    assert (report.verdict, report.then.fills, report.now.fills) == ("differs", 1, 0)


def test_a_time_before_the_first_event_is_refused(ran: Run) -> None:
    with pytest.raises(UsageError, match="--until: QUEUE has no event up to 2025-04-14 09:00:00"):
        replay(ran("v1_baseline"), "QUEUE", until="2025-04-14 09:00")


def test_stored_fills_that_are_gone_cannot_be_compared_with(ran: Run) -> None:
    folder = ran("v1_baseline")
    for part in folder.glob("parts/*/*.parquet"):
        part.unlink()

    with pytest.raises(OutputError, match="gone or changed, and --until compares with it"):
        replay(folder, "QUEUE", until="2025-04-14 10:00:04")


def test_time_that_goes_back_does_not_make_a_difference(ran: Run, ticks: Path) -> None:
    frame = pd.read_parquet(ticks / "queue.parquet")
    frame.loc[4, "timestamp"] = pd.Timestamp("2025-04-14 10:00:09")  # the fill at 10:00:04 comes after it
    frame.to_parquet(ticks / "queue.parquet")
    folder = ran("v1_baseline")
    assert replay(folder, "QUEUE").now.fills == 2

    report = replay(folder, "QUEUE", until="2025-04-14 10:00:06")

    assert (report.verdict, report.now.fills) == ("equal", 0)


def fills_at(*times: int) -> Fills:
    count = len(times)
    dtypes = ("int64", "float64", "int64", "float64", "int64", "float64")
    return Fills(np.array(times, "int64"), *(np.ones(count, dtype) for dtype in dtypes[1:]))


@pytest.mark.parametrize(
    ("stored", "replayed", "goes_back", "expected"),
    [
        ((1, 2, 3), 2, False, 2),
        ((1, 2, 3), 1, False, 2),  # one is missing
        ((1, 2, 3), 3, False, 3),  # a handler that dates its fills later than its events
        ((1, 2), 2, False, 2),
        ((), 0, False, 0),
        ((1, 2, 2), 1, True, 1),
    ],
)
def test_the_stored_fills_to_compare_with_are_those_not_after_the_time(
    stored: tuple[int, ...], replayed: int, goes_back: bool, expected: int
) -> None:
    assert len(fills_up_to(fills_at(*stored), 2, replayed, time_goes_back=goes_back)) == expected


# How events are delivered.


def rows_at(*times: int, first: int = 0) -> Rows:
    count = len(times)
    block = EventBlock(
        np.array(times, "int64"), np.zeros(count, "int8"), np.ones(count), np.arange(count, dtype="int64")
    )
    return Rows(block, np.arange(first, first + count))


def cut(until: Until, *pieces: Rows) -> list[list[int]]:
    return [piece.block.timestamps.tolist() for piece in until(pieces)]


def test_a_source_is_cut_before_its_first_event_after_the_time() -> None:
    until = Until(5, reads_on=True)

    assert cut(until, rows_at(1, 5), rows_at(5, 6, 7), rows_at(8)) == [[1, 5], [5]]
    assert (until.was_cut, until.time_goes_back) == (True, False)


def test_a_source_that_ends_before_the_time_is_whole() -> None:
    until = Until(5, reads_on=True)

    assert cut(until, rows_at(1), rows_at(5)) == [[1], [5]]
    assert not until.was_cut


def test_time_that_goes_back_after_the_cut_is_noticed_by_reading_on() -> None:
    reading, stopping = Until(5, reads_on=True), Until(5, reads_on=False)

    for until in (reading, stopping):
        cut(until, rows_at(1, 6), rows_at(7, 4))

    assert (reading.time_goes_back, stopping.time_goes_back) == (True, False)


def test_rows_have_the_numbers_of_their_source_whatever_the_window_leaves_out() -> None:
    day = 86_400 * 10**9
    blocks = [rows_at(0, day, 2 * day).block, rows_at(day, 0, day).block]

    pieces = list(numbered(blocks, Window(start_day=1, end_day=1)))

    assert [piece.numbers.tolist() for piece in pieces] == [[1], [3, 5]]
    assert pieces[1].block.volumes.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("pieces", "delivered"),
    [
        ([rows_at(1, 2), rows_at(3, 4, 4)], [[1, 2], [3], "pause", [4, 4]]),
        ([rows_at(1, 2), rows_at(3, 3)], [[1, 2], "pause", [3, 3]]),
        ([rows_at(1, 2), rows_at()], [[1], "pause", [2]]),
        ([rows_at()], []),
    ],
)
def test_the_pause_comes_before_the_events_at_the_last_time(pieces: list[Rows], delivered: list[Any]) -> None:
    seen: list[Any] = []

    blocks = pausing_before_last(pieces, lambda block: seen.append("pause"))
    seen.extend(piece.block.timestamps.tolist() for piece in blocks)

    assert seen == delivered
