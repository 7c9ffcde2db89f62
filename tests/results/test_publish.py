"""Parts are whole or not there, and a second publication of the same job is harmless."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dbatch.errors import StorageError
from dbatch.results import publish
from dbatch.results.publish import publish_part, write_atomically

FILLS = pa.table({"fill_price": [1.5, 2.5]})
KEY = "ab" * 16


def test_a_part_has_the_hash_that_is_told_and_its_name_follows_from_the_key(tmp_path: Path) -> None:
    name, sha256 = publish_part(str(tmp_path), KEY, FILLS, "AAA")

    assert name == f"parts/ab/{KEY}.parquet"
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256
    assert pq.ParquetFile(tmp_path / name).read().equals(FILLS)


def test_publishing_twice_leaves_one_part_with_the_same_bytes(tmp_path: Path) -> None:
    first = publish_part(str(tmp_path), KEY, FILLS, "AAA")
    content = (tmp_path / first[0]).read_bytes()

    assert publish_part(str(tmp_path), KEY, FILLS, "AAA") == first
    assert [path.read_bytes() for path in tmp_path.rglob("*.parquet")] == [content]


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


def test_a_flipped_byte_in_a_part_is_refused(tmp_path: Path) -> None:
    from dbatch.model import Receipt
    from dbatch.results.export import is_intact, read_part

    table = pa.table({"fill_price": [float(number) for number in range(5_000)]})
    name, sha256 = publish_part(str(tmp_path), KEY, table, "AAA")
    receipt = Receipt(KEY, "AAA", "success", part=name, sha256=sha256)
    assert is_intact(tmp_path, receipt)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 3] ^= 1
    (tmp_path / name).write_bytes(content)

    assert not is_intact(tmp_path, receipt)
    with pytest.raises(StorageError):
        read_part(tmp_path, receipt)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_published_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "published", b"")

    assert (tmp_path / "published").stat().st_mode == (tmp_path / "plain").stat().st_mode
