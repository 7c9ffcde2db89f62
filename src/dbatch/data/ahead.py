"""Work done by a thread of its own, a little ahead of whoever needs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final, TypeVar

_AHEAD: Final = 2

T = TypeVar("T")


def ahead(items: Generator[T, None, None]) -> Iterator[T]:
    """Yield `items`, of which the next two are made while the caller looks at one; whatever that raises comes through.

    When the caller leaves early, `items` is closed, after the one that is being made.
    """
    with closing(items), ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        upcoming = deque(thread.submit(next, items, None) for _ in range(_AHEAD))
        try:
            while (item := upcoming.popleft().result()) is not None:
                upcoming.append(thread.submit(next, items, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)
