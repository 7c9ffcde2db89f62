"""Files that are whole or not there: the last steps of every publication."""

from __future__ import annotations

import os
from pathlib import Path


def move_into_place(temporary: str | Path, path: Path) -> None:
    """Give a finished, flushed temporary file its final name, and the permissions any new file has.

    The folder is flushed too: after a power cut the name is there with the whole contents, or not at all.
    """
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
