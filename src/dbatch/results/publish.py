"""Results made safe: written beside, flushed, then moved under their final name in one step."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.durable import move_into_place, passed
from dbatch.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under `path`: readers see the old file or the whole new one. Raises StorageError."""
    _write(path, [content], len(content))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> str:
    """Write `pieces`, one after the other, as `write_atomically` does, and return the SHA-256 of all of them."""
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in pieces:
            digest.update(piece)
            yield piece

    _write(path, hashed())
    return digest.hexdigest()


def _write(path: Path, pieces: Iterable[bytes], size: int = 0) -> None:
    """Write `pieces` of `size` bytes in all, 0 where that is known only when they are there."""
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    except OSError as error:
        raise _not_kept(path, size, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                written += len(piece)
                file.write(piece)
            file.flush()
            passed(1)
            os.fsync(file.fileno())
            passed(2)
        move_into_place(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _not_kept(path, max(size, written), error) from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _not_kept(path: Path, size: int, error: OSError) -> StorageError:
    said = f"{path}: {error.strerror or error}, {size} bytes were to be written"
    return StorageError(f"results could not be kept: {said}")


def parquet_bytes(table: pa.Table, *, rows: int | None = None, dictionaries: Sequence[str] | bool = True) -> bytes:
    """Return `table` as a Parquet file with page checksums, at most `rows` rows in a row group.

    `dictionaries` names the columns that are written with one.
    """
    sink = pa.BufferOutputStream()
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "use_dictionary": dictionaries}
    pq.write_table(table, sink, row_group_size=rows, **options)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]  # pyarrow has no types
