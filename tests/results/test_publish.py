"""Files are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbatch.errors import StorageError
from dbatch.results import publish
from dbatch.results.publish import write_atomically


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_whatever_step_fails_the_old_file_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "summary.csv"
    write_atomically(target, b"old")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)

    with pytest.raises(StorageError, match=r"summary\.csv: No space left on device, 3 bytes"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_interruption_in_the_middle_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "move_into_place", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "part.parquet", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_published_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "published", b"")

    assert (tmp_path / "published").stat().st_mode == (tmp_path / "plain").stat().st_mode
