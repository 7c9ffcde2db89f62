"""Results made safe: written beside, flushed, then moved under their final name in one step."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.durable import move_into_place
from dbatch.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under `path`: readers see the old file or the whole new one. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    except OSError as error:
        raise StorageError(f"results could not be kept: {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        move_into_place(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        said = f"{path}: {error.strerror or error}, {len(content)} bytes were to be written"
        raise StorageError(f"results could not be kept: {said}") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def parquet_bytes(table: pa.Table, facts: Mapping[str, Any] | None = None) -> bytes:
    """Return `table` as a Parquet file with page checksums, `facts` (text by text) in its metadata."""
    if facts:
        stored = {**(table.schema.metadata or {}), **{key: str(value) for key, value in facts.items()}}
        table = table.replace_schema_metadata(stored)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def part_name(key: str) -> str:
    """Return where the part of the job called `key` lies in its output folder."""
    return f"parts/{key[:2]}/{key}.parquet"


def publish_part(output_dir: str, key: str, fills: pa.Table, security: str) -> tuple[str, str]:
    """Write a finished job's fills and return (path below `output_dir`, sha256 of the file).

    The name follows from what was asked, so that publishing twice is harmless. Raises StorageError.
    """
    content = parquet_bytes(fills, {"security": security, "key": key})
    name = part_name(key)
    write_atomically(Path(output_dir, name), content)
    return name, hashlib.sha256(content).hexdigest()
