"""A plain handler, watched: the chunks it was given and what it made of them, its last state."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pandas as pd

from dbatch.schema import EVENT_COLUMNS


class Watched:
    """Calls a handler, and keeps each chunk beside a copy made before the call."""

    def __init__(self) -> None:
        self.chunks: list[tuple[pd.DataFrame, pd.DataFrame]] = []
        self.state: Any = {}

    def __call__(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return `handler`, watched."""

        def watched(security: str, chunk: pd.DataFrame, orderbook: object, state: dict[str, Any]) -> Any:
            self.chunks.append((chunk, chunk.copy()))
            self.state = handler(security, chunk, orderbook, state)
            return self.state

        return watched

    def changed_event(self) -> str | None:
        """Return the first event of a chunk that is no longer what it was, in one line; None when all are."""
        for number, (chunk, before) in enumerate(self.chunks):
            if (change := _change(before, chunk)) is not None:
                return f"chunk {number}: {change}"
        return None

    def unpicklable(self) -> str | None:
        """Return the key of the last state that does not survive pickling, and why; None when all do."""
        for key, value in self.state.items():
            try:
                pickle.loads(pickle.dumps((key, value)))  # noqa: S301 - what was pickled here
            except Exception as error:  # noqa: BLE001 - classes may raise anything when they are pickled
                return f"state[{key!r}] is {type(value).__name__}: {error}"
        return None


def _change(before: pd.DataFrame, after: pd.DataFrame) -> str | None:
    missing = [name for name in EVENT_COLUMNS if name not in after.columns]
    if missing:
        return f"column {missing[0]!r} is gone"
    if len(after) != len(before):
        return f"has {len(after)} rows, had {len(before)}"
    for name in EVENT_COLUMNS:
        was, is_now = before[name].array, after[name].array
        for row, (old, new) in enumerate(zip(was, is_now, strict=True)):
            if old != new and not (pd.isna(old) and pd.isna(new)):
                return f"row {row}: {name!r} is {new}, was {old}"
    return None
