"""Files that are whole or not there: the last steps of every publication."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

PUBLICATION: Final = (
    "the part is written under a temporary name",
    "it is flushed to the disk",
    "it has its final name",
    "its folder is flushed to the disk",
    "the receipts are made",
    "the receipts are at the driver",
    "the receipts are in the ledger",
    "the task is forgotten",
)
"""The steps of the way from a finished unit to a result that is safe; `passed` counts them from 1."""

CRASH_AT: Final = "DBATCH_CRASH_AT"
_TIMES = count(1)


def passed(step: int) -> None:
    """Mark that step number `step` of `PUBLICATION` is done.

    For tests: with `DBATCH_CRASH_AT` "3", this process is killed once step 3 is done; with "3:5", the fifth time.
    """
    asked = os.environ.get(CRASH_AT)
    if asked is None:
        return
    number, _, time = asked.partition(":")
    if int(number) == step and next(_TIMES) == int(time or 1):
        os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield the name of an empty file beside `path`, which takes its place, flushed, once the block has ended well.

    After an error in the block that file is removed, and what `path` was it still is. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        move_into_place(temporary, path)
    finally:
        with suppress(OSError):  # the error that brought us here says more
            temporary.unlink(missing_ok=True)


def move_into_place(temporary: str | Path, path: Path) -> None:
    """Give a finished, flushed temporary file its final name, and the permissions any new file has.

    The folder is flushed too: after a power cut the name is there with the whole contents, or not at all.
    """
    os.chmod(temporary, 0o666 & ~_umask())
    os.replace(temporary, path)
    passed(3)
    if os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    passed(4)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
