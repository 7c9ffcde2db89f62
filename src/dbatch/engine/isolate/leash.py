"""What the fork server says of a child, to the process that asked for it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from typing import Final

_RECORD: Final = struct.Struct("<Bqq")


class Word(IntEnum):
    """FORKED with the child's pid; NOT_FORKED with the system's error number; ENDED with exit code (below zero: the
    signal's number) and the most memory in bytes that it held."""

    FORKED = 1
    NOT_FORKED = 2
    ENDED = 3


def say(leash: socket.socket, word: Word, number: int, size: int = 0) -> None:
    """Tell it, if anybody still listens."""
    with suppress(OSError):
        leash.sendall(_RECORD.pack(word, number, size))


class Words:
    """Takes bytes as they come, gives words once they are whole."""

    def __init__(self) -> None:
        self._bytes = b""

    def take(self, piece: bytes) -> Iterator[tuple[Word, int, int]]:
        self._bytes += piece
        while len(self._bytes) >= _RECORD.size:
            word, number, size = _RECORD.unpack_from(self._bytes)
            self._bytes = self._bytes[_RECORD.size :]
            yield Word(word), number, size
