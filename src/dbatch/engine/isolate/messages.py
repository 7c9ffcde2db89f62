"""What a child says to the process that runs it: which job it begins, and what became of the one before."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from dbatch.engine.outcome import Outcome
from dbatch.model import Receipt

UNHEARD: Final = 219
"""The exit code of a child whose messages find no way any more."""

BROKEN: Final = 220
"""The exit code of a child in which something else failed than a handler; it printed what."""

_HEAD: Final = struct.Struct("<4sIQ")
_MARK: Final = b"dbj\x1f"


class Begun(NamedTuple):
    """The child begins its job number `job`; `printed` bytes were printed before."""

    job: int
    printed: int


class Said(NamedTuple):
    """One message: what became of the job under way (None before the first), the next one (None after the last)."""

    outcome: Outcome | None
    begun: Begun | None


class GarbledError(Exception):
    """What came through the pipe is no message: something else wrote into it."""


def packed(said: Said) -> bytes:
    """Return the bytes that `Messages` makes `said` of."""
    body = pickle.dumps(_flat(said), pickle.HIGHEST_PROTOCOL)
    return _HEAD.pack(_MARK, zlib.crc32(body), len(body)) + body


def _flat(said: Said) -> tuple[Any, ...]:
    """Return what `said` holds as plain values: with arrays and classes of ours pickle takes five times as long."""
    outcome, begun = said
    if outcome is None:
        return None, begun and tuple(begun)
    daily = _bytes(outcome.days, np.int64), _bytes(outcome.daily_pnl, np.float64)
    return (tuple(vars(outcome.receipt).values()), outcome.fills, *daily), begun and tuple(begun)


def _said(flat: tuple[Any, ...]) -> Said:
    """Return what `_flat` made `flat` of; its arrays cannot be written to."""
    what, begun = flat
    outcome = None
    if what is not None:
        receipt, fills, days, daily_pnl = what
        outcome = Outcome(Receipt(*receipt), fills, _array(days, np.int64), _array(daily_pnl, np.float64))
    return Said(outcome, begun and Begun(*begun))


def _bytes(array: np.ndarray | None, dtype: type) -> bytes | None:
    return None if array is None else array.astype(dtype, copy=False).tobytes()


def _array(content: bytes | None, dtype: type) -> np.ndarray | None:
    return None if content is None else np.frombuffer(content, dtype)


class Messages:
    """Takes bytes as they come, gives messages once they are whole."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def take(self, piece: bytes) -> Iterator[Said]:
        """Yield the messages that are whole with `piece`; raises GarbledError where the bytes are none."""
        self._bytes += piece
        while len(self._bytes) >= _HEAD.size:
            mark, checksum, length = _HEAD.unpack_from(self._bytes)
            if mark != _MARK:
                raise GarbledError
            end = _HEAD.size + length
            if len(self._bytes) < end:
                return
            body = bytes(memoryview(self._bytes)[_HEAD.size : end])
            del self._bytes[:end]
            if zlib.crc32(body) != checksum:
                raise GarbledError
            yield _said(pickle.loads(body))  # noqa: S301 - from our own child, nobody else has the pipe
