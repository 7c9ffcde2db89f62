"""Rows of any columns as one file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.replay import pieces
from dbatch.replay.pieces import Pieces

NOON = np.datetime64("2025-04-14T12:00", "ns")


def written(path: Path, *rows: dict[str, Any], last: tuple[str, ...] = ()) -> pa.Table:
    with closing(Pieces(path)) as kept:
        for row in rows:
            kept.add(row)
        kept.write(last)
    return pq.read_table(path)


@pytest.mark.parametrize("rows_a_piece", [1, 2, 100])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, None], [1, 2, None]),
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([True, None, False], [True, None, False]),
        ([1, "a", True], ["1", "a", "True"]),
        ([1, True, 2.0], ["1", "True", "2.0"]),
        ([NOON, "a", None], ["2025-04-14 12:00:00", "a", None]),
        ([None, None, None], [None, None, None]),
    ],
)
def test_a_column_fits_all_its_values_wherever_pieces_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_a_piece: int, values: list[Any], expected: list[Any]
) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", rows_a_piece)

    table = written(tmp_path / "t.parquet", *({"value": value} for value in values))

    found = table.column("value").to_pylist()
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_columns_come_as_they_appear_and_the_last_ones_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)

    table = written(tmp_path / "t.parquet", {"a": 1, "end": 2}, {"b": 3, "a": 4}, last=("end", "more"))

    assert table.column_names == ["a", "b", "end", "more"]
    assert table.to_pylist() == [
        {"a": 1, "b": None, "end": 2, "more": None},
        {"a": 4, "b": 3, "end": None, "more": None},
    ]


def test_pieces_are_joined_into_larger_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 2)
    monkeypatch.setattr(pieces, "GROUP_ROWS", 4)

    written(tmp_path / "t.parquet", *({"n": number} for number in range(9)))

    file = pq.ParquetFile(tmp_path / "t.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [4, 4, 1]
    assert file.read().column("n").to_pylist() == list(range(9))


def test_no_more_rows_than_a_piece_are_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_ROWS", 4)
    held = []

    with closing(Pieces(tmp_path / "t.csv")) as kept:
        for number in range(10):
            kept.add({"n": number})
            held.append(len(kept._rows))

    assert (max(held), kept.count) == (3, 10)


def test_no_rows_are_a_file_with_the_last_columns(tmp_path: Path) -> None:
    assert written(tmp_path / "t.parquet", last=("fills",)).column_names == ["fills"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    written(tmp_path / "t.parquet", {"a": 1})
    with closing(Pieces(tmp_path / "t.parquet")) as kept:
        kept.add({"a": 2})

    assert pq.read_table(tmp_path / "t.parquet").column("a").to_pylist() == [1]
