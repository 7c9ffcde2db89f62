"""A file of a source, wherever it lies."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import IO

import fsspec

from dbatch.errors import DataError


@contextlib.contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Yield the file at `path`, a local path or an fsspec URL, open for reading.

    Raises DataError, naming it, for a file that is not there or cannot be read to its end.
    """
    try:
        with fsspec.open(path, "rb") if "://" in path else open(path, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return what `error` says, or else what it is, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
