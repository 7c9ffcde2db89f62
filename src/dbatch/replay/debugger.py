"""pdb at the place that matters: where a strategy broke, or just before an event."""

from __future__ import annotations

import bdb
import pdb
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dbatch
from dbatch.data.blocks import EventBlock
from dbatch.engine.job import Seen
from dbatch.engine.plain import chunk_of
from dbatch.model import StrategyRef
from dbatch.plugins.hashing import package_locations
from dbatch.replay.state import Read

_OURS = Path(dbatch.__file__).parent


class Debugger(pdb.Pdb):
    """pdb that knows whether its user has left by `quit`."""

    def __init__(self) -> None:
        super().__init__(nosigint=True)
        self.was_left = False

    def set_quit(self) -> None:
        self.was_left = True
        super().set_quit()


def post_mortem(error: BaseException, ref: StrategyRef) -> None:
    """Open pdb at the innermost frame of the strategy's own code that `error` passed through."""
    debugger = Debugger()
    debugger.reset()
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    own = [index for index, file in enumerate(files) if _is_own(file, ref)]
    if own and own[-1] < len(files) - 1:
        debugger.cmdqueue.append(f"up {len(files) - 1 - own[-1]}")
    debugger.interaction(None, error.__traceback__)


class Pause:
    """Stops a job in pdb once: at a plain handler's first line, or before a compiled strategy's event."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._seen: Seen | None = None
        self._is_due = False

    def watch(self, seen: Seen) -> None:
        """Remember what the job has come to."""
        self._seen = seen

    def handler(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handler`, which pdb enters at the call that is due."""

        def entered(security: str, chunk: Any, orderbook: Any, state: Any) -> Any:
            if not self._is_due:
                return handler(security, chunk, orderbook, state)
            self._is_due = False
            debugger = Debugger()
            returned = debugger.runcall(handler, security, chunk, orderbook, state)
            if debugger.was_left:
                raise bdb.BdbQuit
            return returned

        return entered

    def before_call(self, block: EventBlock) -> None:
        """Make the next call of the handler the one that is due."""
        self._is_due = True

    def before_event(self, block: EventBlock) -> None:
        """Stop here, where `events` are those about to be delivered and `state` is what is before them."""
        _stop(Debugger(), chunk_of(block), {} if self._seen is None else self._read(self._seen))


def _stop(debugger: Debugger, events: Any, state: dict[str, Any]) -> None:
    debugger.set_trace(sys._getframe())
    return  # `events` come next; `state` is the strategy's before them; c goes on


def _is_own(file: Path, ref: StrategyRef) -> bool:
    if file.is_relative_to(_OURS):
        return False
    if ref.root is not None:
        root = Path(ref.root)
        return file.is_relative_to(root if root.is_dir() else root.parent)
    places = package_locations(ref.module.partition(".")[0])
    return any(file.is_relative_to(place) for place in places)
