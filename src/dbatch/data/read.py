"""The events of one security, block by block, from whatever its source is."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dbatch.cache import cache_dir
from dbatch.data.blocks import EventBlock, block_of, cut
from dbatch.data.files import open_file
from dbatch.data.fingerprint import file_sha256
from dbatch.model import Security, Source
from dbatch.schema import EVENT_RULES_VERSION

DEFAULT_CHUNK_ROWS = 100_000


def read_events(security: Security, rows: int = DEFAULT_CHUNK_ROWS) -> Iterator[EventBlock]:
    """Yield the events of `security` in source order, at most `rows` a block.

    Raises DataError (and its kinds), naming file and sheet, when they cannot be read.
    """
    source = security.source
    for path in source.paths:
        if source.kind == "csv":
            yield from _read_csv(path, rows, source.only)
        else:
            from dbatch.data.parquet import read_parquet

            file = str(converted(security)) if source.kind == "excel" else path
            yield from read_parquet(file, rows, source.only)


def fingerprint(source: Source) -> str:
    """Return a hash of the contents of `source` and of the rules by which they are read."""
    digest = hashlib.sha256(repr((source.kind, source.sheets, source.header_row, source.only)).encode())
    digest.update(str(EVENT_RULES_VERSION).encode())
    for path in source.paths:
        digest.update(_content_hash(path).encode())
    return digest.hexdigest()


def size_hint(source: Source) -> int:
    """Return about how much there is to read of `source`, in bytes; 0 where that would take a look elsewhere."""
    return sum(os.path.getsize(path) for path in source.paths if os.path.exists(path))


def converted(security: Security) -> Path:
    """Return the Parquet file made from a workbook's sheets, from the cache while the workbook is unchanged."""
    from dbatch.data.excel import SheetGroup, convert_security
    from dbatch.data.names import file_slug

    source = security.source
    workbook = Path(source.paths[0])
    content = file_sha256(workbook)
    folder = hashlib.sha256(repr((content, source.header_row, EVENT_RULES_VERSION)).encode()).hexdigest()[:32]
    target = _writable(cache_dir() / "excel" / folder) / f"{file_slug(security.name.lower())}.parquet"
    if not target.exists():
        group = SheetGroup(security.name, security.label, source.sheets)
        convert_security(workbook, group, target, source_hash=content, header_row=source.header_row)
    return target


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="dbatch-excel-"))
    return folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="dbatch-excel-"))


def _read_csv(path: str, rows: int, only: str | None) -> Iterator[EventBlock]:
    from dbatch.data.csv import csv_batches

    yield from cut((block_of(batch, path) for batch in csv_batches(path, security=only)), rows)


def _content_hash(path: str) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # fsspec's files have readinto
