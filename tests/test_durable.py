"""Files that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbatch.data.output import output_file
from dbatch.durable import whole_file
from dbatch.errors import OutputError


def test_a_file_has_its_name_once_the_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "made.txt"
    with whole_file(path) as part:
        part.write_text("all of it")
        assert not path.exists()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"made.txt": "all of it"}


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "made.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), whole_file(path) as part, open(part, "w", encoding="ascii") as file:
        file.writelines(["new", "größer"])
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"made.txt": "old"}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"nowhere/made\.txt: cannot be written: No such file or directory"),
        output_file(tmp_path / "nowhere" / "made.txt"),
    ):
        pass
