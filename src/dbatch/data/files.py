"""Files by local path or fsspec URL."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from dbatch.cache import cache_dir
from dbatch.durable import whole_file
from dbatch.errors import DataNotFoundError


def is_local(path: str) -> bool:
    """Return whether `path` names a local file rather than a URL such as s3://bucket/ticks."""
    return "://" not in path or path.startswith("file://")


def local_path(path: str | os.PathLike[str]) -> str:
    """Return `path` as text, without a leading file://."""
    return os.fspath(path).removeprefix("file://")


@contextmanager
def open_file(path: str) -> Iterator[BufferedIOBase]:
    """Yield `path` opened for reading bytes."""
    if is_local(path):
        with open(local_path(path), "rb") as file:
            yield file
        return
    import fsspec

    with fsspec.open(path, "rb") as file:
        yield file


def list_files(path: str) -> tuple[bool, list[str]]:
    """Return whether `path` is a folder, and the files in it and below it, sorted by name; [path] for a file.

    Hidden files and folders (names starting with a dot or underscore) are left out. Raises DataNotFoundError
    when nothing is there.
    """
    if is_local(path):
        root = Path(local_path(path))
        if root.is_file():
            return False, [str(root)]
        if not root.is_dir():
            raise DataNotFoundError(f"{path}: no such file or folder")
        found = (entry for entry in root.rglob("*") if entry.is_file())
        return True, sorted(str(entry) for entry in found if _is_shown(entry.relative_to(root).parts))
    fs, inside = _filesystem(path)
    if fs.isfile(inside):
        return False, [path]
    if not fs.isdir(inside):
        raise DataNotFoundError(f"{path}: no such file or folder")
    return True, sorted(fs.unstrip_protocol(name) for name in fs.find(inside) if _is_shown(tuple(name.split("/")[-1:])))


def local_copy(path: str) -> Path:
    """Return where `path` can be read as a local file: itself, or a copy in the cache of what a URL names."""
    if is_local(path):
        return Path(local_path(path))
    fs, inside = _filesystem(path)
    version = hashlib.sha256(f"{path} {fs.ukey(inside)}".encode()).hexdigest()[:16]
    target = cache_dir() / "remote" / version / inside.rsplit("/", 1)[-1]
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            fs.get_file(inside, str(part))
    return target


def _filesystem(path: str) -> tuple[Any, str]:
    import fsspec

    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(path)
        return found
    except (ImportError, ValueError) as error:
        raise DataNotFoundError(f"{path}: {error}") from error


def _is_shown(parts: tuple[str, ...]) -> bool:
    return not any(part.startswith((".", "_", "~$")) for part in parts)
