"""Numba made ready to load or compile, without what it does to no purpose."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import sys
import threading
from types import SimpleNamespace
from typing import Any, Final

_ASKS: Final = "numba.np.arraymath"
_LINALG: Final = "numba.np.linalg"
_INLINING: Final = "numba.core.inline_closurecall"
_LOCK: Final = threading.Lock()
_THREAD: Final = threading.local()


def start_numba() -> None:
    """Load the part of numba that asks whether there is a BLAS, and have it believe that there is where scipy is.

    To find out it loads all of scipy.linalg, two fifths of what loading a compiled loop costs. What it learns so is
    used for `np.correlate` and the like alone, whose compilation asks for the BLAS again and is answered in earnest.
    """
    with _LOCK:
        if _ASKS in sys.modules or "scipy.linalg" in sys.modules or importlib.util.find_spec("scipy") is None:
            return
        linalg: Any = importlib.import_module(_LINALG)
        asked = getattr(linalg, "ensure_blas", None)
        if asked is None:
            return
        linalg.ensure_blas = lambda: None
        try:
            arraymath: Any = importlib.import_module(_ASKS)
        finally:
            linalg.ensure_blas = asked
        arraymath.ensure_blas = asked


def spare_copies() -> None:
    """Have numba inline a function's code without copying it first, twice, which takes two fifths of compiling.

    `InlineWorker.inline_function` makes that code anew each time and hands it to `inline_ir`, which copies it block
    by block, each with all variables of the function, as it must for other callers: what it gets may be used again.
    """
    with _LOCK:
        inlining: Any = importlib.import_module(_INLINING)
        worker: Any = getattr(inlining, "InlineWorker", None)
        known = all(hasattr(worker, name) for name in ("inline_function", "inline_ir", "run_untyped_passes"))
        if not known or getattr(inlining, "copy", None) is not copy:  # another numba, or done before
            return
        inlining.copy = SimpleNamespace(copy=copy.copy, deepcopy=_deepcopy)
        worker.inline_function = _inline_function


def _inline_function(
    worker: Any, caller_ir: Any, block: Any, i: int, function: Any, arg_typs: Any = None
) -> tuple[Any, ...]:
    callee_ir = worker.run_untyped_passes(function)
    _THREAD.is_nobody_elses = True
    try:
        inlined: tuple[Any, ...] = worker.inline_ir(
            caller_ir, block, i, callee_ir, function.__code__.co_freevars, arg_typs=arg_typs
        )
    finally:
        _THREAD.is_nobody_elses = False
    return inlined


def _deepcopy(value: Any) -> Any:
    return value if getattr(_THREAD, "is_nobody_elses", False) else copy.deepcopy(value)
