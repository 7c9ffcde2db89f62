"""Results made safe: written beside, flushed, then moved under their final name in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.durable import move_into_place, passed
from dbatch.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under `path`: readers see the old file or the whole new one. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    except OSError as error:
        raise _not_kept(path, content, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            passed(1)
            os.fsync(file.fileno())
            passed(2)
        move_into_place(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _not_kept(path, content, error) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _not_kept(path: Path, content: bytes, error: OSError) -> StorageError:
    said = f"{path}: {error.strerror or error}, {len(content)} bytes were to be written"
    return StorageError(f"results could not be kept: {said}")


def parquet_bytes(table: pa.Table, *, rows: int | None = None, dictionaries: Sequence[str] | bool = True) -> bytes:
    """Return `table` as a Parquet file with page checksums, at most `rows` rows in a row group.

    `dictionaries` names the columns that are written with one.
    """
    sink = pa.BufferOutputStream()
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": dictionaries}
    pq.write_table(table, sink, row_group_size=rows, **options)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types
