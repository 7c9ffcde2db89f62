"""What a process prints goes into a file, from Python and from C, and is found again job by job."""

from __future__ import annotations

import io
import os
import sys

from dbatch.engine.isolate.scratch import printed_since


class Printing:
    """Sends this process's standard output and error into the file `handle`, unbuffered: no death takes any along.

    What C code prints is unbuffered too, for the interpreter was started so (`-u`).
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._streams = _stream(1), _stream(2)
        self.begin()

    def begin(self) -> int:
        """Return the position in the file where what is printed from now on begins; undo what a handler redirected."""
        os.dup2(self._handle, 1)
        os.dup2(self._handle, 2)
        if any(stream.closed for stream in self._streams):
            self._streams = _stream(1), _stream(2)
        sys.stdout, sys.stderr = self._streams
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def since(self, start: int) -> str:
        """Return what was printed since position `start`, its end at least."""
        return printed_since(self._handle, start)


def _stream(number: int) -> io.TextIOWrapper:
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
