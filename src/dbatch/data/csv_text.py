"""The text of CSV files: opened, unpacked, checked to be UTF-8, the first lines found."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from dbatch.data.files import open_file
from dbatch.errors import DataError, DataNotFoundError, SchemaError

_HEADER_BYTES: Final = 1 << 16
_BLANK_LINE: Final = re.compile(r'\s*|"\s*"\s*')


@contextlib.contextmanager
def open_text(path: str) -> Iterator[BufferedIOBase]:
    """Yield the text of a local or remote file as bytes, unpacked where its name ends in .gz.

    Whatever goes wrong while it is read is raised as an error that names the file.
    """
    try:
        with open_file(path) as file:
            yield gzip.GzipFile(fileobj=file) if path.lower().endswith(".gz") else file
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: is not UTF-8 text; save it as 'CSV UTF-8'") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: is cut off or damaged ({error}); make or copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def next_line(file: BufferedIOBase, line: int) -> tuple[str, int, int]:
    """Return the next line that is not blank, where it starts and its number; at the end no text."""
    while True:
        offset = file.tell()
        raw = file.readline(_HEADER_BYTES)
        before, end, after = raw.partition(b"\r")
        if after not in (b"", b"\n"):  # lines that end in nothing but a carriage return
            raw = before + end
            file.seek(offset + len(raw))
        line += 1
        text = raw.decode("utf-8-sig" if offset == 0 else "utf-8").strip()
        if not raw or not _BLANK_LINE.fullmatch(text):
            return text, offset, line


def header_of(path: str) -> list[str]:
    """Return the cells of a CSV file's header, empty for an empty file. Raises what `open_text` raises."""
    with open_text(path) as file:
        text, _, _ = next_line(file, 0)
    return next(csv.reader([text], delimiter=delimiter_of(text)), [])


def delimiter_of(header: str) -> str:
    """Return what separates the cells of `header`: a comma, unless there are more semicolons or tabs."""
    return max(",;\t", key=header.count)


class CheckedUtf8:
    """A file that raises UnicodeDecodeError at bytes that are not UTF-8, in columns that are not read too."""

    closed = False  # Arrow asks

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._decoder.decode(data, final=not data)
        return data


def skip_blank_line(row: pa_csv.InvalidRow) -> str:
    """Return what is to be done with a row that has not as many cells as the header."""
    return "skip" if _BLANK_LINE.fullmatch(row.text) else "error"


def is_blank(texts: pa.Array) -> pa.Array:
    """Return for each text whether it is nothing but space."""
    return pc.equal(pc.utf8_trim_whitespace(texts), "")
