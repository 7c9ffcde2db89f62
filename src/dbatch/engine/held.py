"""Events held in memory, for many jobs look at the same ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dbatch.data.blocks import EventBlock, within
from dbatch.data.faults import Faults
from dbatch.data.read import read_events
from dbatch.model import Security, Window

_MOST_BYTES: Final = 256 << 20
_LOCK: Final = threading.Lock()


@dataclass(frozen=True)
class _Held:
    blocks: tuple[EventBlock, ...]
    faults: Faults
    size: int


_HELD: OrderedDict[tuple[Security, str, int, Window], _Held] = OrderedDict()


def held_events(
    security: Security, fingerprint: str, rows: int, window: Window, faults: Faults
) -> Iterable[EventBlock]:
    """Return the events of `security` inside `window`, at most `rows` a block; its faults are added to `faults`.

    They are read when they are not held from before, at most 256 MiB together in this process; the longest unused
    ones make room. A security larger than that is read each time. Raises DataError as `read_events` does.
    """
    key = (security, fingerprint, rows, window)
    with _LOCK:
        found = _HELD.get(key)
        if found is not None:
            _HELD.move_to_end(key)
    if found is None:
        return _read_and_hold(key, faults)
    faults.include(found.faults.counts, found.faults.examples)
    return found.blocks


def _read_and_hold(key: tuple[Security, str, int, Window], faults: Faults) -> Iterator[EventBlock]:
    security, _, rows, window = key
    own = Faults()
    kept: list[EventBlock] = []
    size = 0
    for block in within(read_events(security, rows, own), window):
        size += sum(column.nbytes for column in block)
        if size <= _MOST_BYTES:
            kept.append(block)
        else:
            kept.clear()
        yield block
    faults.include(own.counts, own.examples)
    if size <= _MOST_BYTES:
        _hold(key, _Held(tuple(kept), own, size))


def _hold(key: tuple[Security, str, int, Window], held: _Held) -> None:
    with _LOCK:
        _HELD[key] = held
        while sum(each.size for each in _HELD.values()) > _MOST_BYTES and len(_HELD) > 1:
            _HELD.popitem(last=False)
