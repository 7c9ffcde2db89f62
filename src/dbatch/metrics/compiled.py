"""How the loops of this room are compiled: once, for one kind of array, kept on disk, the same bits everywhere.

Compiled code must call nothing of another module but this one's decorator: numba's cache looks at the time stamp of
a function's own file only, and would bring the code of an edited neighbour back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from numba import njit, types

INTS: Final = types.Array(types.int64, 1, "C", readonly=True)
FLOATS: Final = types.Array(types.float64, 1, "C", readonly=True)
ROOM: Final = types.Array(types.float64, 1, "C")
NUMBERS: Final = types.Array(types.int64, 1, "C")
ROWS: Final = types.Array(types.float64, 2, "C")
FLOAT: Final = types.float64

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(*arguments: Any) -> Callable[[_Function], _Function]:
    """Return a decorator that compiles a function for `arguments` and keeps the code on disk.

    Without arguments: for whatever its compiled caller gives, and kept as part of that one. Arrays that may be written
    to are taken for those that may not. No fastmath: an order of operations is kept as it is written.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

    def compile_it(function: _Function) -> _Function:
        if not arguments:
            helper: _Function = njit(**options)(function)
            return helper
        try:
            kept: _Function = njit([arguments], cache=True, **options)(function)
        except (RuntimeError, OSError):  # nowhere to keep it: neither beside the package nor in the user's folder
            kept = njit([arguments], **options)(function)
        return kept

    return compile_it
