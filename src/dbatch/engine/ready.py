"""What a process does once, before its first job, lest its jobs pay for it."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dbatch.errors import DbatchError
from dbatch.model import RunContext
from dbatch.plugins.loading import load_factory


def load(context: RunContext) -> None:
    """Load what the jobs of `context` need: the strategy, and pandas for a plain handler."""
    with contextlib.suppress(DbatchError):  # each job will say what is wrong
        load_factory(context.strategy)
    if not context.compiled:
        import pandas  # noqa: F401 - half a second


def leave_modules_alone() -> None:
    """Leave all objects that are there now out of garbage collections from here on.

    They are modules, more than a hundred thousand objects that stay. A handler that makes many objects brings about
    full collections, and looking at the modules in each took a tenth of its CPU.
    """
    gc.freeze()


@contextmanager
def modules_left_alone(contexts: Iterable[RunContext]) -> Iterator[None]:
    """Do the same until the block ends, in a process that is not ours alone, where plain handlers run in it."""
    if all(context.compiled or context.isolated for context in contexts):  # a compiled loop makes no objects
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
