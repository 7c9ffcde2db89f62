"""The content hash of a source file."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path


def file_sha256(path: Path | str) -> str:
    """Return the sha256 of the file's content, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: str) -> str:
    """Return `file_sha256`, read once per process while the file stays as it is.

    A workbook of a hundred sheets is one file; its hash is asked for once a sheet.
    """
    facts = os.stat(path)
    return _content_hash(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=4096)
def _content_hash(path: str, size: int, modified: int, inode: int) -> str:
    return file_sha256(path)
