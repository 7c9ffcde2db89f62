"""How long our child processes and temporary folders may be there: no longer than the process that made them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_SIGKILL: Final = 9
_SCRATCH: Final = "dbatch-scratch-"
_SCRATCH_NAME: Final = re.compile(rf"{_SCRATCH}[a-z0-9_]{{8}}")


def die_with_parent(parent: int) -> None:
    """See that this process ends when process `parent` does; not on Windows."""
    if sys.platform == "win32":  # a virtualenv's python.exe is a launcher, so getppid is not `parent` there
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


@contextmanager
def scratch_folder() -> Iterator[str]:
    """Yield the path of a new folder among the system's temporary files; it is removed when the block ends.

    Its lock belongs to this process: when that is killed, `sweep_scratch` finds the folder without one.
    """
    folder, lock = _new_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep_scratch() -> None:
    """Remove the scratch folders of processes that were killed; not on Windows."""
    import tempfile

    if sys.platform == "win32":
        return
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for folder in [entry.path for entry in entries if _SCRATCH_NAME.fullmatch(entry.name)]:
            with suppress(OSError):  # it is in use, of another user, or just gone
                lock = _lock(folder)
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _new_scratch() -> tuple[str, int | None]:
    """Return a new folder and the descriptor that holds its lock, None on Windows."""
    import tempfile

    while True:
        folder = tempfile.mkdtemp(prefix=_SCRATCH)
        if sys.platform == "win32":
            return folder, None
        with suppress(BlockingIOError, FileNotFoundError):  # swept away before it was locked
            return folder, _lock(folder)


def _lock(folder: str) -> int:
    """Return a descriptor that holds the lock of `folder`. Raises BlockingIOError where another process does."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.stat(folder)  # locked once it was removed, it would be nobody's
    except OSError:
        os.close(handle)
        raise
    return handle
