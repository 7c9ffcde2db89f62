"""Files without a name: nothing of them is left behind, whoever dies."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import tempfile
from contextlib import suppress
from typing import Final

_KEPT: Final = 16 << 10
_MOST_TEXT: Final = 256 << 10
_FREED_EVERY: Final = 1 << 20
_PUNCH_HOLE_KEEP_SIZE: Final = 3


def nameless_file(content: bytes = b"") -> int:
    """Return the descriptor of a new file without a name that holds `content`, to be read from its start."""
    if sys.platform == "linux":
        handle = os.memfd_create("dbatch")
    else:
        with tempfile.TemporaryFile(buffering=0) as file:
            handle = os.dup(file.fileno())
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.lseek(handle, 0, os.SEEK_SET)
    except BaseException:
        os.close(handle)
        raise
    return handle


def printed_since(handle: int, start: int) -> str:
    """Return what was written into the file from position `start` on: the last 16 KiB, after a line on what was cut."""
    end = os.fstat(handle).st_size
    if end <= start:
        return ""
    first = max(start, end - _KEPT)
    text = os.pread(handle, end - first, first).decode(errors="replace")
    return f"[{first - start:,} bytes before this were cut]\n{text}" if first > start else text


def text_since(handle: int, start: int) -> str:
    """Return what was written into the file from position `start` on, at most 256 KiB."""
    return os.pread(handle, _MOST_TEXT, start).decode(errors="replace")


def free_old(handle: int, freed: int) -> int:
    """Return up to where the file's memory was given back: but for its end, now and then, on Linux; `freed` was before.

    Positions stay as they are. Without it a handler that prints for ever would fill the machine's memory.
    """
    upto = os.fstat(handle).st_size - _KEPT
    if upto - freed < _FREED_EVERY or (punch := _fallocate()) is None:
        return freed
    punch(handle, _PUNCH_HOLE_KEEP_SIZE, 0, upto)
    return upto


@functools.cache
def _fallocate() -> ctypes._NamedFuncPointer | None:
    if sys.platform != "linux":
        return None
    with suppress(AttributeError):
        function = ctypes.CDLL(None, use_errno=True).fallocate64
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        return function
    return None
